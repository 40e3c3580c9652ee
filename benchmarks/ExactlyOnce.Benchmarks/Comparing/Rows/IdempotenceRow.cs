using System.Diagnostics;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>
/// What it costs to know every producer and its sequences. Both run the whole way of a producer; the one without has given up its identity, so that its batches
/// carry none and the partition neither checks nor remembers anything. No public producer can do that.
/// </summary>
internal static class IdempotenceRow
{
    private const string Batched = "idempotent, batches of 100";
    private const string BatchedUnsigned = "unsigned, batches of 100";
    private const string Single = "idempotent, one by one";
    private const string SingleUnsigned = "unsigned, one by one";
    private const int HundredRecordsBytes = 10_800;

    private static readonly Topic<NoKey, int> s_topic = Topic.Create("records", Payload.Serde);

    public static Row Row { get; } = new("idempotence", "Idempotent producer against the same append without producer state, memory")
    {
        OpenAsync = OpenAsync,
        Bars = [Bar.Cost(Quantity.Records, 3, BatchedUnsigned, of: Batched), Bar.Cost(Quantity.Records, 3, SingleUnsigned, of: Single)],
        RoundsTimes = 5,
        Note = "The unsigned producer has dropped its identity inside; there is no public one",
    };

    private static Task<Contest> OpenAsync(Scale scale)
    {
        var posts = scale.Count(full: 4_000_000, quick: 500_000);
        var sends = scale.Count(full: 1_000_000, quick: 200_000);
        return Task.FromResult(new Contest(
            new Contestant(Batched, share => MeasureAsync((int)(posts * share), isSigned: true, PostAsync)),
            new Contestant(BatchedUnsigned, share => MeasureAsync((int)(posts * share), isSigned: false, PostAsync)),
            new Contestant(Single, share => MeasureAsync((int)(sends * share), isSigned: true, SendAsync)),
            new Contestant(SingleUnsigned, share => MeasureAsync((int)(sends * share), isSigned: false, SendAsync))));
    }

    private static async Task<Figure[]> MeasureAsync(int records, bool isSigned, Func<Producer<NoKey, int>, int, Task> writeAsync)
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_topic.Name, topic => topic.RetainBytes = 8 << 20);
        await using var producer = await broker.CreateProducer(s_topic).WithBatchSize(HundredRecordsBytes).BuildAsync();
        if (!isSigned)
            await DropIdentityAsync(producer);
        var clock = Stopwatch.StartNew();
        await writeAsync(producer, records);
        var seconds = clock.Elapsed.TotalSeconds;
        Verify.Equal(records, Verify.EndOffsets(broker, s_topic.Name), "records are in the log");
        return [new Figure(Quantity.Records, records / seconds)];
    }

    private static async Task DropIdentityAsync(Producer<NoKey, int> producer)
    {
        await producer.Accumulator.StartAsync(CancellationToken.None);
        producer.Accumulator.Session!.Identity = ProducerIdentity.None;
    }

    private static async Task PostAsync(Producer<NoKey, int> producer, int records)
    {
        for (var i = 0; i < records; i++)
        {
            var posted = producer.PostAsync(default, Payload.Bytes);
            if (!posted.IsCompletedSuccessfully)
                await posted;
        }
        await producer.FlushAsync();
    }

    private static async Task SendAsync(Producer<NoKey, int> producer, int records)
    {
        for (var i = 0; i < records; i++)
            await producer.SendAsync(default, Payload.Bytes);
    }
}
