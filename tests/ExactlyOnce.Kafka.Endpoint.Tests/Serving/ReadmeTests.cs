using System.Net;
using System.Net.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kafka.Endpoint.Tests.Security;
using ExactlyOnce.Tests;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Serving;

using Confluent.Kafka;

public sealed class ReadmeTests
{
    private const string Begin = "<!-- apis -->\n";
    private const string End = "<!-- /apis -->";

    [Fact]
    public void The_table_of_APIs_is_the_registry()
    {
        var path = Repository.PathOf("src/ExactlyOnce.Kafka.Endpoint/README.md");
        var text = File.ReadAllText(path);
        var begin = text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        var expected = text[..begin] + ApiTable.ToMarkdown() + text[text.IndexOf(End, StringComparison.Ordinal)..];
        if (Environment.GetEnvironmentVariable("UPDATE_README") == "1")
            File.WriteAllText(path, expected);

        File.ReadAllText(path).Should().Be(expected, "the table is made from ApiRegistry: run this test once with UPDATE_README=1");
    }

    [Fact]
    public async Task A_client_that_is_given_the_address_of_the_README_finds_the_broker()
    {
        // snippet: Serving
        await using var broker = Broker.CreateInMemory();
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
        var config = new ProducerConfig { BootstrapServers = endpoint.BootstrapServers };
        // end
        await broker.Admin.CreateTopicAsync("greetings");
        using var producer = new ProducerBuilder<Null, string>(config).Build();

        (await producer.ProduceAsync("greetings", new Message<Null, string> { Value = "hello" })).Offset.Value.Should().Be(0);
    }

    [Fact]
    public async Task What_the_README_shows_of_security_may_be_bound_to_every_address()
    {
        using var certificate = TestCertificates.Create("localhost");
        var password = "correct horse";
        // snippet: Security
        var options = new KafkaEndpointOptions
        {
            Address = IPAddress.Any,
            Tls = new SslServerAuthenticationOptions { ServerCertificate = certificate },
            Sasl = SaslMechanisms.ScramSha512,
            Users = { ["admin"] = password },
            SuperUsers = { "User:admin" },
        };
        // end
        options.Port = 0;
        await using var broker = Broker.CreateInMemory();

        await using var endpoint = await KafkaEndpoint.StartAsync(broker, options);

        endpoint.BootstrapServers.Should().NotBeEmpty();
    }

    [Fact]
    public void The_registry_is_in_order_and_names_no_API_twice() =>
        ApiRegistry.All.Select(api => api.Key).Should().BeInAscendingOrder().And.OnlyHaveUniqueItems();
}
