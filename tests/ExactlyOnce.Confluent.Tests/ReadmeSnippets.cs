using ExactlyOnce.Kafka.Endpoint;
using ExactlyOnce.Testing;
using Microsoft.Extensions.Configuration;

namespace ExactlyOnce.Confluent.Tests;

using global::Confluent.Kafka;

// snippet: InProcessTest
public sealed class BillingTests
{
    [Fact]
    public async Task Every_order_is_billed()
    {
        await using var test = TestBroker.Create();                           // its own broker for every test, all of them at once
        using var producer = new InProcessProducerBuilder<string, string>(test.Broker, new ProducerConfig { TransactionalId = "billing" }).Build();
        using var consumer = new InProcessConsumerBuilder<string, string>(test.Broker, new ConsumerConfig { GroupId = "billing", AutoOffsetReset = AutoOffsetReset.Earliest }).Build();
        await test.Broker.PublishAsync(Topics.Orders, "customer-7", "one");

        new BillingService(consumer, producer).RunOnce();                     // unchanged: IConsumer<,> and IProducer<,>

        Assert.Single(test.Committed(Topics.Invoices));
    }
}
// end

/// <summary>What the package's other pages show.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public async Task The_clients_of_the_README_bill()
    {
        // snippet: InProcessClients
        await using var broker = Broker.CreateInMemory();                         // or TestBroker.Create().Broker, with faults
        using var producer = new InProcessProducerBuilder<string, string>(broker, new ProducerConfig { TransactionalId = "billing" }).Build();
        using var consumer = new InProcessConsumerBuilder<string, string>(broker, new ConsumerConfig { GroupId = "billing", AutoOffsetReset = AutoOffsetReset.Earliest }).Build();
        using var admin = new InProcessAdminClientBuilder(broker, new AdminClientConfig()).Build();

        await broker.PublishAsync(Topics.Orders, "customer-7", "one");            // or by an IProducer<,>
        new BillingService(consumer, producer).RunOnce();                         // the class under test knows Confluent.Kafka only
        // end
        admin.GetMetadata(TimeSpan.FromSeconds(10)).Topics.Select(topic => topic.Topic).Should().Contain("invoices");
    }

    [Fact]
    public async Task The_real_clients_find_the_endpoint_in_the_configuration()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection().Build();
        // snippet: RealClients
        await using var broker = Broker.CreateInMemory();
        await using var kafka = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
        configuration["Kafka:BootstrapServers"] = kafka.BootstrapServers;
        // end
        await broker.PublishAsync(Topics.Orders, "customer-7", "one");
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = configuration["Kafka:BootstrapServers"] }).Build();

        admin.GetMetadata(TimeSpan.FromSeconds(30)).Topics.Should().ContainSingle(topic => topic.Topic == "orders");
    }
}

internal static class Topics
{
    public static readonly Topic<string, string> Orders = Topic.Create("orders", Serdes.Utf8, Serdes.Utf8);
    public static readonly Topic<string, string> Invoices = Topic.Create("invoices", Serdes.Utf8, Serdes.Utf8);
}

/// <summary>A class that was written for Confluent.Kafka and knows nothing else.</summary>
internal sealed class BillingService(IConsumer<string, string> orders, IProducer<string, string> invoices)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Bills whatever is there, an order a transaction.</summary>
    public void RunOnce()
    {
        orders.Subscribe("orders");
        invoices.InitTransactions(s_patience);
        while (orders.Consume(TimeSpan.FromMilliseconds(100)) is { Message: { } order } position)
        {
            invoices.BeginTransaction();
            invoices.Produce("invoices", new Message<string, string> { Key = order.Key, Value = $"invoice of {order.Value}" });
            invoices.SendOffsetsToTransaction([new(position.TopicPartition, position.Offset + 1)], orders.ConsumerGroupMetadata, s_patience);
            invoices.CommitTransaction();
        }
        orders.Close();
    }
}
