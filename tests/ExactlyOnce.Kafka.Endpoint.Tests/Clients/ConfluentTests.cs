namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

// Within the namespace, so that names which both libraries have mean the client's.
using Confluent.Kafka;
using Confluent.Kafka.Admin;

/// <summary>Judged by librdkafka, in process.</summary>
public sealed class ConfluentTests : IAsyncLifetime
{
    private const int RecordCount = 10_000;

    private readonly Broker _broker = Broker.CreateInMemory();
    private KafkaEndpoint _endpoint = null!;

    public async Task InitializeAsync() => _endpoint = await KafkaEndpoint.StartAsync(_broker, new KafkaEndpointOptions { Port = 0 });

    public async Task DisposeAsync()
    {
        await _endpoint.DisposeAsync();
        await _broker.DisposeAsync();
    }

    [Fact]
    public async Task Ten_thousand_records_of_an_idempotent_producer_come_back_once_and_in_order()
    {
        await CreateTopicAsync("orders", partitions: 3);
        Produce("orders", RecordCount);

        var values = Consume("orders", partitions: 3, RecordCount);

        values.Should().HaveCount(RecordCount).And.OnlyHaveUniqueItems();
        values.GroupBy(number => number % 3).Should().OnlyContain(partition => partition.SequenceEqual(partition.Order()));
    }

    [Fact]
    public async Task What_an_unmodified_client_wrote_is_read_by_the_host_and_the_other_way_round()
    {
        await CreateTopicAsync("greetings", partitions: 1);
        var topic = ExactlyOnce.Topic.Create("greetings", Serdes.Utf8);
        Produce("greetings", 1);
        await _broker.PublishAsync(topic, "1");

        Consume("greetings", partitions: 1, 2).Should().Equal(0, 1);
    }

    private async Task CreateTopicAsync(string name, int partitions)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _endpoint.BootstrapServers }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = name, NumPartitions = partitions }]);
    }

    private void Produce(string topic, int count)
    {
        var config = new ProducerConfig { BootstrapServers = _endpoint.BootstrapServers, EnableIdempotence = true, Acks = Acks.All, LingerMs = 5 };
        using var producer = new ProducerBuilder<Null, string>(config).Build();
        var failures = new List<Error>();
        for (var i = 0; i < count; i++)
            producer.Produce(new TopicPartition(topic, i % PartitionsOf(topic)), new Message<Null, string> { Value = $"{i}" }, report =>
            {
                if (report.Error.IsError)
                    failures.Add(report.Error);
            });
        producer.Flush(TimeSpan.FromSeconds(30)).Should().Be(0);
        failures.Should().BeEmpty();
    }

    private List<int> Consume(string topic, int partitions, int count)
    {
        var config = new ConsumerConfig { BootstrapServers = _endpoint.BootstrapServers, GroupId = "unused", EnableAutoCommit = false };
        using var consumer = new ConsumerBuilder<Ignore, string>(config).Build();
        consumer.Assign(Enumerable.Range(0, partitions).Select(partition => new TopicPartitionOffset(topic, partition, Offset.Beginning)));
        var values = new List<int>();
        while (values.Count < count && consumer.Consume(TimeSpan.FromSeconds(20)) is { } result)
            values.Add(int.Parse(result.Message.Value));
        return values;
    }

    private int PartitionsOf(string topic) => _broker.Admin.DescribeTopic(topic)!.Partitions;
}
