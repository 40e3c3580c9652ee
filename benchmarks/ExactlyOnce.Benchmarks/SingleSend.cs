using System.Diagnostics;

namespace ExactlyOnce.Benchmarks;

/// <summary>One awaited send at a time, in memory: serialise, encode, checksum, decide, append, acknowledge.</summary>
internal static class SingleSend
{
    private static readonly Topic<NoKey, int> s_topic = Topic.Create("figures", Payload.Serde);

    public static async Task<IReadOnlyList<Row>> RunAsync(int records)
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_topic.Name, topic => topic.RetainBytes = 8 << 20);
        await using var producer = broker.CreateProducer(s_topic).Build();
        var times = new List<double>();
        var bytes = new List<double>();
        for (var run = 0; run < 6; run++)
        {
            var count = run == 0 ? records / 4 : records / 5;
            var before = GC.GetAllocatedBytesForCurrentThread();
            var clock = Stopwatch.StartNew();
            for (var i = 0; i < count; i++)
                await producer.SendAsync(default, Payload.Bytes);
            if (run == 0)
                continue;
            times.Add(clock.Elapsed.TotalNanoseconds / count);
            bytes.Add((double)(GC.GetAllocatedBytesForCurrentThread() - before) / count);
        }
        var median = Row.Median(times);
        return
        [
            new Row("memory, one awaited SendAsync at a time, 100 B", "< 500 ns", $"{Row.Number(median)} ns, {Row.Number(Row.Median(bytes))} B allocated", median < 500),
        ];
    }
}
