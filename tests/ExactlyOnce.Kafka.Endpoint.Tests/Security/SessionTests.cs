namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

using System.Diagnostics;
using System.Text;
// Within the namespace, so that names which both libraries have mean the client's.
using Confluent.Kafka;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>Logins that last for a while, and what wrong ones cost whoever comes behind them.</summary>
public sealed class SessionTests : EndpointTest
{
    private static readonly TimeSpan s_lifetime = TimeSpan.FromSeconds(1);

    private protected override KafkaEndpointOptions Options() => new()
    {
        Port = 0,
        Sasl = SaslMechanisms.Plain | SaslMechanisms.ScramSha256,
        Users = { ["alice"] = "secret", ["bob"] = "secret" },
        SuperUsers = { "User:alice" },
        SessionLifetime = s_lifetime,
        FailedLoginDelay = TimeSpan.FromMilliseconds(200),
    };

    [Fact]
    public async Task A_login_says_how_long_it_lasts_and_behind_its_end_nothing_is_answered()
    {
        var client = Connect();
        (await LoginAsync(client, "alice")).SessionLifetimeMs.Should().Be(1000);
        (await client.CallAsync<MetadataResponse>(1, new MetadataRequest { Topics = null })).Brokers.Should().ContainSingle();
        await Task.Delay(s_lifetime);

        (await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None, "that is for everybody");
        await client.SendAsync(1, new MetadataRequest { Topics = null });

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task Whoever_logs_in_again_goes_on_even_when_his_session_has_ended()
    {
        var client = Connect();
        await LoginAsync(client, "alice");
        for (var i = 0; i < 2; i++)
        {
            await Task.Delay(s_lifetime);
            (await LoginAsync(client, "alice")).Should().BeEquivalentTo(new { ErrorCode = KafkaError.None, SessionLifetimeMs = 1000 });
            (await client.CallAsync<MetadataResponse>(1, new MetadataRequest { Topics = null })).Brokers.Should().ContainSingle();
        }
    }

    [Theory]
    [InlineData("bob", "secret"), InlineData("alice", "wrong")]
    public async Task Nobody_becomes_another_or_stays_with_a_wrong_password(string user, string password)
    {
        var client = Connect();
        await LoginAsync(client, "alice");

        (await LoginAsync(client, user, password)).ErrorCode.Should().Be(KafkaError.SaslAuthenticationFailed);

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task Another_mechanism_than_the_first_time_is_refused()
    {
        var client = Connect();
        await LoginAsync(client, "alice");

        (await client.CallAsync<SaslHandshakeResponse>(1, new SaslHandshakeRequest { Mechanism = "SCRAM-SHA-256" })).ErrorCode.Should().Be(KafkaError.UnsupportedSaslMechanism);
    }

    [Fact]
    public async Task Nothing_is_answered_between_the_tokens_of_a_second_login()
    {
        var client = Connect();
        await LoginAsync(client, "alice");
        await client.CallAsync<SaslHandshakeResponse>(1, new SaslHandshakeRequest { Mechanism = "PLAIN" });

        await client.SendAsync(1, new MetadataRequest { Topics = null });

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task A_producer_that_logs_in_again_under_load_loses_no_record_and_keeps_their_order()
    {
        await Broker.Admin.CreateTopicAsync("t");
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig
        {
            BootstrapServers = Endpoint.BootstrapServers,
            SecurityProtocol = SecurityProtocol.SaslPlaintext,
            SaslMechanism = SaslMechanism.ScramSha256,
            SaslUsername = "alice",
            SaslPassword = "secret",
            EnableIdempotence = true,
            LingerMs = 1,
        }).SetLogHandler((_, _) => { }).Build();
        var sent = 0;
        // The client tells of no login; each one lasts a second, and every batch behind its end is refused.
        for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < s_lifetime * 4; sent++)
        {
            producer.Produce("t", new Message<Null, string> { Value = $"{sent}" });
            if (sent % 20 == 0)
                await Task.Delay(5);
        }
        producer.Flush(TimeSpan.FromSeconds(20)).Should().Be(0);

        await using var consumer = Broker.CreateConsumer(Topic.Create("t", Serdes.Utf8)).WithPartitions(0).Build();
        var read = new List<string>();
        await foreach (var record in consumer.ReadToEndAsync())
            read.Add(record.Value);
        read.Should().Equal(Enumerable.Range(0, sent).Select(number => $"{number}"));
    }

    [Fact]
    public async Task After_some_wrong_passwords_from_an_address_even_the_right_one_waits_for_its_turn()
    {
        for (var i = 0; i < 4; i++)
            (await LoginAsync(Connect(), "alice", "wrong")).ErrorCode.Should().Be(KafkaError.SaslAuthenticationFailed);
        var began = Stopwatch.GetTimestamp();

        (await LoginAsync(Connect(), "alice")).ErrorCode.Should().Be(KafkaError.None);

        // Twice the delay, of which the last failure's own has passed.
        Stopwatch.GetElapsedTime(began).Should().BeGreaterThan(TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task A_flood_of_wrong_passwords_is_sent_away_unheard()
    {
        var guesses = Enumerable.Range(0, 60).Select(async _ =>
        {
            try
            {
                return (await LoginAsync(Connect(), "alice", "wrong")).ErrorCode;
            }
            catch (IOException)
            {
                return KafkaError.NetworkException;
            }
        });
        for (var i = 0; i < 8; i++)
            await LoginAsync(Connect(), "alice", "wrong");

        (await Task.WhenAll(guesses)).Should().Contain(KafkaError.NetworkException);
    }

    private static async Task<SaslAuthenticateResponse> LoginAsync(RawClient client, string user, string password = "secret")
    {
        (await client.CallAsync<SaslHandshakeResponse>(1, new SaslHandshakeRequest { Mechanism = "PLAIN" })).ErrorCode.Should().Be(KafkaError.None);
        return await client.CallAsync<SaslAuthenticateResponse>(1, new SaslAuthenticateRequest { AuthBytes = Encoding.UTF8.GetBytes($"\0{user}\0{password}") });
    }
}
