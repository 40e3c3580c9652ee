using System.Data;
using System.Data.Common;

namespace ExactlyOnce.Sql.Tests.Crashes;

/// <summary>A topic of numbers, the same in every process that makes it, and what is written of it into a database.</summary>
internal static class Numbers
{
    public const string Consumer = "numbers-to-database";

    public static readonly Topic<NoKey, string> Topic = ExactlyOnce.Topic.Create("numbers", Serdes.Utf8);

    public static async Task<Broker> CreateBrokerAsync(int count, int partitions = 1)
    {
        var broker = Broker.CreateInMemory();
        await FillAsync(broker, count, partitions);
        return broker;
    }

    public static async Task FillAsync(Broker broker, int count, int partitions = 1)
    {
        await broker.Admin.CreateTopicAsync(Topic.Name, topic => topic.Partitions = partitions);
        await using var producer = broker.CreateProducer(Topic).Build();
        for (var number = 0; number < count; number++)
            await producer.SendAsync(new ProducerRecord<NoKey, string>(default, $"{number}") { Partition = number % partitions });
    }

    public static IEnumerable<string> Below(long count) => Enumerable.Range(0, (int)Math.Max(count, 0)).Select(number => $"{number}");

    public static PipelineBuilder<NoKey, string> CreatePipeline(Broker broker, int batch = 3) =>
        broker.CreatePipeline(Consumer).Read(Topic).WithBatch(batch).WithRetry(maxAttempts: 5, TimeSpan.FromMilliseconds(1));

    public static async ValueTask InsertAsync(ConsumerBatch<NoKey, string> batch, DbTransaction transaction, CancellationToken cancellationToken)
    {
        foreach (var record in batch)
            await InsertAsync(transaction, record.Partition, record.Offset, record.Value, cancellationToken);
    }

    private static async ValueTask InsertAsync(DbTransaction transaction, int partition, long offset, string value, CancellationToken cancellationToken) =>
        await transaction.Connection!.Write(transaction, "INSERT INTO effects (partition_index, record_offset, value) VALUES (@partition, @offset, @value)")
            .With("@partition", DbType.Int32, partition).With("@offset", offset).With("@value", DbType.String, value)
            .ExecuteAsync(cancellationToken);
}
