using System.Diagnostics;

namespace ExactlyOnce.Benchmarks;

/// <summary>Durability Flushed: every commit is an awaited send of 100 bytes. 64 committers share the group commits of one journal.</summary>
internal static class DurableCommits
{
    private static readonly Topic<NoKey, ReadOnlyMemory<byte>> s_topic = Topic.Create("figures", Serdes.Memory);

    public static async Task<IReadOnlyList<Row>> RunAsync(TimeSpan duration)
    {
        var alone = new List<double>();
        var shared = new List<double>();
        for (var run = 0; run < 3; run++)
        {
            alone.Add(await MeasureAsync(1, duration));
            shared.Add(await MeasureAsync(64, duration));
        }
        var ratio = Row.Median(shared) / Row.Median(alone);
        return
        [
            new Row("durable (Flushed), one committer", "–", $"{Row.Number(Row.Median(alone))} commits/s", true),
            new Row("durable (Flushed), 64 committers", "≥ 20 × one committer", $"{Row.Number(Row.Median(shared))} commits/s, {Row.Number(ratio)} ×", ratio >= 20),
        ];
    }

    private static async Task<double> MeasureAsync(int committers, TimeSpan duration)
    {
        using var folder = new TemporaryFolder();
        await using var broker = await Broker.CreateBuilder().UseDirectory(folder.Path).AddTopic(s_topic, topic => topic.Partitions = 8).OpenAsync();
        var commits = 0L;
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, committers).Select(_ => Task.Run(async () =>
        {
            var value = new byte[100];
            await using var producer = broker.CreateProducer(s_topic).Build();
            while (clock.Elapsed < duration)
            {
                await producer.SendAsync(default, value);
                Interlocked.Increment(ref commits);
            }
        })));
        return commits / clock.Elapsed.TotalSeconds;
    }
}
