using ExactlyOnce.Kafka.Endpoint;

namespace ExactlyOnce.Compression.Tests;

// Within the namespace, so that names which both libraries have mean the client's.
using Confluent.Kafka;

/// <summary>Judged by librdkafka, which has codecs of its own.</summary>
public sealed class ConfluentTests
{
    private const int RecordCount = 2_000;

    [Theory]
    [InlineData(CompressionType.Gzip), InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4), InlineData(CompressionType.Zstd)]
    public async Task What_a_client_compressed_is_read_by_the_host_and_by_the_client(CompressionType compression)
    {
        await using var broker = Broker.CreateInMemory(options => options.AddCompression());
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
        await broker.Admin.CreateTopicAsync("t");
        Produce(endpoint, compression);

        Consume(endpoint).Should().Equal(Enumerable.Range(0, RecordCount).Select(ValueOf));
        (await ReadByHostAsync(broker)).Should().Equal(Enumerable.Range(0, RecordCount).Select(ValueOf));
    }

    [Theory]
    [InlineData(ExactlyOnce.CompressionType.Gzip), InlineData(ExactlyOnce.CompressionType.Snappy), InlineData(ExactlyOnce.CompressionType.Lz4), InlineData(ExactlyOnce.CompressionType.Zstd)]
    public async Task What_the_host_compressed_is_read_by_the_client(ExactlyOnce.CompressionType compression)
    {
        await using var broker = Broker.CreateInMemory(options => options.AddCompression());
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
        await broker.Admin.CreateTopicAsync("t");
        await using (var producer = broker.CreateProducer(ExactlyOnce.Topic.Create("t", Serdes.Utf8)).WithCompression(compression).Build())
            await Task.WhenAll(Enumerable.Range(0, RecordCount).Select(i => producer.SendAsync(ValueOf(i)).AsTask()));

        Consume(endpoint).Should().Equal(Enumerable.Range(0, RecordCount).Select(ValueOf));
    }

    private static string ValueOf(int i) => $"{i} {new string('x', i % 300)}";

    private static void Produce(KafkaEndpoint endpoint, CompressionType compression)
    {
        var config = new ProducerConfig { BootstrapServers = endpoint.BootstrapServers, EnableIdempotence = true, LingerMs = 50, CompressionType = compression };
        using var producer = new ProducerBuilder<Null, string>(config).Build();
        for (var i = 0; i < RecordCount; i++)
            producer.Produce("t", new Message<Null, string> { Value = ValueOf(i) }, report => report.Error.IsError.Should().BeFalse());
        producer.Flush(TimeSpan.FromSeconds(30)).Should().Be(0);
    }

    private static List<string> Consume(KafkaEndpoint endpoint)
    {
        var config = new ConsumerConfig { BootstrapServers = endpoint.BootstrapServers, GroupId = "unused", EnableAutoCommit = false };
        using var consumer = new ConsumerBuilder<Ignore, string>(config).Build();
        consumer.Assign(new TopicPartitionOffset("t", 0, Offset.Beginning));
        var values = new List<string>();
        while (values.Count < RecordCount && consumer.Consume(TimeSpan.FromSeconds(20)) is { } result)
            values.Add(result.Message.Value);
        return values;
    }

    private static async Task<List<string>> ReadByHostAsync(Broker broker)
    {
        var values = new List<string>();
        await using var consumer = broker.CreateConsumer(ExactlyOnce.Topic.Create("t", Serdes.Utf8)).WithPartitions(0).StartFrom(StartFrom.Earliest).Build();
        await foreach (var record in consumer.ReadToEndAsync())
            values.Add(record.Value);
        return values;
    }
}
