using System.Diagnostics;
using ExactlyOnce.Benchmarks.Comparing.Peers;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>One awaited send at a time, in memory: serialise, encode, checksum, decide, append, acknowledge.</summary>
internal static class SendRow
{
    // A log that grows needs a few objects for each MiB; they come to some hundredths of a byte for each record.
    private const double NothingAllocated = 0.1;
    private const int RetainBytes = 8 << 20;

    private static readonly Topic<NoKey, int> s_topic = Topic.Create("sends", Payload.Serde);

    public static Row Row { get; } = new("send-channel", "In memory, one awaited `SendAsync` at a time, against a channel written and read by the same thread")
    {
        OpenAsync = OpenAsync,
        Bars =
        [
            Bar.Times(Quantity.Records, 0.3, ChannelPeer.Name),
            Bar.AtMost(Quantity.Nanoseconds, 200),
            Bar.AtMost(Quantity.Allocated, NothingAllocated),
        ],
    };

    /// <summary>The log has grown to what it retains before the first round: its memory is not a cost of each record.</summary>
    private static async Task<Contest> OpenAsync(Scale scale)
    {
        var records = scale.Count(full: 5_000_000, quick: 500_000);
        var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_topic.Name, topic => topic.RetainBytes = RetainBytes);
        var producer = await broker.CreateProducer(s_topic).BuildAsync();
        await SendAsync(producer, 4 * RetainBytes / Payload.Bytes);
        return new Contest(
            new Contestant("ExactlyOnce", share => MeasureAsync(broker, producer, (int)(records * share))),
            ChannelPeer.WriteThenRead(records)).Holding(broker, producer);
    }

    private static async Task<Figure[]> MeasureAsync(Broker broker, Producer<NoKey, int> producer, int records)
    {
        var end = Verify.EndOffsets(broker, s_topic.Name);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var clock = Stopwatch.StartNew();
        await SendAsync(producer, records);
        var elapsed = clock.Elapsed;
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Verify.Equal(records, Verify.EndOffsets(broker, s_topic.Name) - end, "records are in the log");
        return
        [
            new Figure(Quantity.Records, records / elapsed.TotalSeconds),
            new Figure(Quantity.Nanoseconds, elapsed.TotalNanoseconds / records),
            new Figure(Quantity.Allocated, (double)allocated / records),
        ];
    }

    private static async ValueTask SendAsync(Producer<NoKey, int> producer, int records)
    {
        for (var i = 0; i < records; i++)
            await producer.SendAsync(default, Payload.Bytes);
    }
}
