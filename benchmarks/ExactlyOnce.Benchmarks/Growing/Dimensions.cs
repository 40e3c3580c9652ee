using System.Buffers;
using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Growing;

/// <summary>What grows: partitions, records, producers, transactions, consumers, values.</summary>
internal static class Dimensions
{
    private const int SmallBytes = 16;
    private const int LeastBatchBytes = 512;
    private const int ValueBytesMax = 1 << 20;
    private const int GroupRecords = 100_000;

    private static readonly int[] s_partitions = [1, 10, 100, 1_000];
    private static readonly byte[] s_bytes = new byte[ValueBytesMax];
    private static readonly Topic<NoKey, int> s_topic = Topic.Create(
        "grows", Serdes.Create<int>(static (length, destination) => destination.Write(s_bytes.AsSpan(0, length)), static source => source.Length));

    public static IReadOnlyList<Dimension> List(bool isQuick)
    {
        int[] records = isQuick ? [10_000, 100_000, 1_000_000, 10_000_000] : [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
        int[] producers = isQuick ? [1, 100, 10_000] : [1, 10, 100, 1_000, 10_000, 100_000];
        int[] transactions = isQuick ? [1, 100, 1_000] : [1, 10, 100, 1_000, 10_000];
        int[] consumers = isQuick ? [1, 10, 100] : [1, 10, 100, 1_000];
        return
        [
            new("partitions of the topic", "an awaited send to one of them", false, s_partitions, size => WithPartitionsAsync(size, static (_, _) => 0)),
            new("partitions of the topic", "an awaited send, each in turn", true, s_partitions,
                size => WithPartitionsAsync(size, static (i, partitions) => i % partitions)),
            new("records in the topic", "an awaited send", false, records,
                size => WithRecordsAsync(size, broker => Work.SendAsync(broker, s_topic, static _ => 0, SmallBytes))),
            new("records in the topic", "a seek and the batch that stands there", false, records,
                size => WithRecordsAsync(size, broker => Work.SeekAndReadAsync(broker, s_topic, size))),
            new("known producer ids", "an awaited send of one more", false, producers, WithProducersAsync),
            new("open transactions", "an awaited send", false, transactions,
                size => WithTransactionsAsync(size, broker => Work.SendAsync(broker, s_topic, static _ => 0))),
            new("open transactions", "a transaction of one record", false, transactions,
                size => WithTransactionsAsync(size, broker => Work.TransactAsync(broker, s_topic))),
            new("consumers in a group, 1,000 partitions", "a record posted and read by its consumer", true, consumers,
                size => WithConsumersAsync(size, isJoining: false)),
            new("consumers in a group, 1,000 partitions", "a consumer's joining, until the group has settled", true, consumers,
                size => WithConsumersAsync(size, isJoining: true)),
            new("bytes of the value", "an awaited send", true, [16, 100, 1_024, 16_384, 262_144, ValueBytesMax], WithValuesAsync),
        ];
    }

    private static async Task<double> WithPartitionsAsync(int partitions, Func<int, int, int> choose)
    {
        await using var broker = await OpenAsync(topic => topic.Partitions = partitions);
        return await Work.SendAsync(broker, s_topic, i => choose(i, partitions));
    }

    private static async Task<double> WithRecordsAsync(int records, Func<Broker, Task<double>> measureAsync)
    {
        await using var broker = await OpenAsync(static _ => { });
        await using (var producer = broker.CreateProducer(s_topic).Build())
        {
            for (var i = 0; i < records; i++)
                await producer.PostAsync(default, SmallBytes);
            await producer.FlushAsync();
        }
        return await measureAsync(broker);
    }

    private static async Task<double> WithProducersAsync(int producers)
    {
        await using var broker = await OpenAsync(static topic => topic.RetainBytes = 8 << 20);
        for (var i = 0; i < producers; i++)
        {
            await using var producer = broker.CreateProducer(s_topic).Build();
            await producer.SendAsync(default, SmallBytes);
        }
        return await Work.SendAsync(broker, s_topic, static _ => 0);
    }

    private static async Task<double> WithTransactionsAsync(int transactions, Func<Broker, Task<double>> measureAsync)
    {
        await using var broker = await OpenAsync(static _ => { });
        var open = new List<TransactionalProducer>();
        for (var i = 0; i < transactions; i++)
        {
            var producer = await broker.CreateTransactionalProducerAsync(
                $"open-{i}", new TransactionalProducerOptions { BatchSize = LeastBatchBytes, TransactionTimeout = TimeSpan.FromMinutes(10) });
            open.Add(producer);
            var transaction = await producer.BeginTransactionAsync();
            // A record that fills its batch is sent at once, and the partition knows of the transaction.
            await transaction.SendAsync(s_topic, default, LeastBatchBytes);
        }
        Comparing.Verify.Equal(transactions, (await broker.Admin.ListOpenTransactionsAsync()).Count, "transactions are open");
        var cost = await measureAsync(broker);
        foreach (var producer in open)
            await producer.DisposeAsync();
        return cost;
    }

    private static async Task<double> WithConsumersAsync(int consumers, bool isJoining)
    {
        await using var broker = await OpenAsync(static topic => topic.Partitions = 1_000);
        await using var group = new ReadingGroup(broker, s_topic);
        var clock = Stopwatch.StartNew();
        await group.JoinAsync(consumers);
        await group.PassAsync(records: 1_000);
        if (isJoining)
            return clock.Elapsed.TotalNanoseconds / consumers;
        clock.Restart();
        await group.PassAsync(GroupRecords);
        return clock.Elapsed.TotalNanoseconds / GroupRecords;
    }

    private static async Task<double> WithValuesAsync(int bytes)
    {
        await using var broker = await OpenAsync(static topic => (topic.MaxMessageBytes, topic.RetainBytes) = (2 * ValueBytesMax, 64 << 20));
        return await Work.SendAsync(broker, s_topic, static _ => 0, bytes);
    }

    private static async Task<Broker> OpenAsync(Action<TopicOptions> configure)
    {
        var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_topic.Name, configure);
        return broker;
    }
}
