using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>
/// What read_committed costs a reader where nothing was aborted: the same topic, written by transactions of 1,000 records, read from its beginning to its end.
/// </summary>
internal static class IsolationRow
{
    private const string Committed = "read_committed";
    private const string Uncommitted = "read_uncommitted";
    private const int TransactionRecords = 1_000;

    private static readonly Topic<NoKey, int> s_topic = Topic.Create("records", Payload.Serde);

    public static Row Row { get; } = new("read-committed", "read_committed against read_uncommitted, no aborts, memory")
    {
        OpenAsync = OpenAsync,
        Bars = [Bar.Cost(Quantity.Records, 2, Uncommitted, of: Committed)],
        RoundsTimes = 5,
    };

    private static async Task<Contest> OpenAsync(Scale scale)
    {
        var records = scale.Count(full: 5_000_000, quick: 1_000_000);
        var broker = Broker.CreateInMemory();
        await FillAsync(broker, records);
        return new Contest(
            new Contestant(Committed, _ => ReadAsync(broker, records, IsolationLevel.ReadCommitted)),
            new Contestant(Uncommitted, _ => ReadAsync(broker, records, IsolationLevel.ReadUncommitted))).Holding(broker);
    }

    private static async Task FillAsync(Broker broker, int records)
    {
        await using var producer = await broker.CreateTransactionalProducerAsync("writer");
        for (var i = 0; i < records; i += TransactionRecords)
            await producer.InTransactionAsync(async (transaction, cancellationToken) =>
            {
                for (var j = 0; j < TransactionRecords; j++)
                    await transaction.SendAsync(s_topic, default, Payload.Bytes, cancellationToken);
            });
    }

    private static async Task<Figure[]> ReadAsync(Broker broker, int records, IsolationLevel isolation)
    {
        await using var consumer = broker.CreateConsumer(s_topic).StartFrom(StartFrom.Earliest).WithIsolation(isolation).Build();
        var (count, bytes) = (0L, 0L);
        var clock = Stopwatch.StartNew();
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            foreach (var length in batch.Values)
                bytes += length;
            count += batch.Count;
            if (count >= records)
                break;
        }
        var seconds = clock.Elapsed.TotalSeconds;
        Verify.Equal((long)records * Payload.Bytes, bytes, "bytes were read");
        return [new Figure(Quantity.Records, records / seconds)];
    }
}
