using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>What transactions cost a producer, in memory, from the first post to the last commit.</summary>
internal static class TransactionRow
{
    private const string Hundreds = "transactions of 100";
    private const string Thousands = "transactions of 1,000";
    private const string Plain = "idempotent";

    private static readonly Topic<NoKey, int> s_topic = Topic.Create("records", Payload.Serde);

    public static Row Row { get; } = new("transactions", "Transactions against plain idempotent, memory, one producer")
    {
        OpenAsync = OpenAsync,
        Bars = [Bar.Cost(Quantity.Records, 10, Plain, of: Hundreds), Bar.Cost(Quantity.Records, 3, Plain, of: Thousands)],
        RoundsTimes = 5,
        Note = "Plain idempotent is flushed once, at the end; flushed after every 100 it shows how much of the cost is smaller batches",
    };

    private static Task<Contest> OpenAsync(Scale scale)
    {
        var records = scale.Count(full: 4_000_000, quick: 500_000);
        return Task.FromResult(new Contest(
            new Contestant(Hundreds, share => MeasureAsync((int)(records * share), 100, TransactAsync)),
            new Contestant(Thousands, share => MeasureAsync((int)(records * share), 1_000, TransactAsync)),
            new Contestant(Plain, share => MeasureAsync((int)(records * share), int.MaxValue, PostAsync)),
            new Contestant("idempotent, flushed after every 100", share => MeasureAsync((int)(records * share), 100, PostAsync))));
    }

    private static async Task<Figure[]> MeasureAsync(int records, int piece, Func<Broker, int, int, Task<(long Markers, TimeSpan Elapsed)>> writeAsync)
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_topic.Name, topic => topic.RetainBytes = 8 << 20);
        var (markers, elapsed) = await writeAsync(broker, records, piece);
        Verify.Equal(records + markers, Verify.EndOffsets(broker, s_topic.Name), "records and markers are in the log");
        return [new Figure(Quantity.Records, records / elapsed.TotalSeconds)];
    }

    private static async Task<(long Markers, TimeSpan Elapsed)> TransactAsync(Broker broker, int records, int piece)
    {
        await using var producer = await broker.CreateTransactionalProducerAsync("writer");
        var clock = Stopwatch.StartNew();
        var markers = 0;
        for (var rest = records; rest > 0; rest -= piece, markers++)
        {
            await using var transaction = await producer.BeginTransactionAsync();
            for (var i = Math.Min(piece, rest); i > 0; i--)
            {
                var sent = transaction.SendAsync(s_topic, default, Payload.Bytes);
                if (!sent.IsCompletedSuccessfully)
                    await sent;
            }
            await transaction.CommitAsync();
        }
        return (markers, clock.Elapsed);
    }

    private static async Task<(long Markers, TimeSpan Elapsed)> PostAsync(Broker broker, int records, int piece)
    {
        await using var producer = await broker.CreateProducer(s_topic).BuildAsync();
        var clock = Stopwatch.StartNew();
        for (var i = 1; i <= records; i++)
        {
            var posted = producer.PostAsync(default, Payload.Bytes);
            if (!posted.IsCompletedSuccessfully)
                await posted;
            if (i % piece == 0)
                await producer.FlushAsync();
        }
        await producer.FlushAsync();
        return (0, clock.Elapsed);
    }
}
