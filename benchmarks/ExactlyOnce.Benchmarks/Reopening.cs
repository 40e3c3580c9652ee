using System.Diagnostics;

namespace ExactlyOnce.Benchmarks;

/// <summary>How long opening takes: after a clean close it must not depend on the data, after a crash only on what was written since the last checkpoint.</summary>
internal static class Reopening
{
    private static readonly Topic<NoKey, ReadOnlyMemory<byte>> s_topic = Topic.Create("figures", Serdes.Memory);

    public static async Task<IReadOnlyList<Row>> RunAsync(long bytes)
    {
        using var folder = new TemporaryFolder();
        await FillAsync(folder.Path, bytes);
        var clean = new List<double>();
        for (var run = 0; run < 3; run++)
        {
            var clock = Stopwatch.StartNew();
            await using var broker = await Broker.OpenAsync(folder.Path);
            clean.Add(clock.Elapsed.TotalSeconds);
        }
        var crashed = await CrashedAsync(folder.Path);
        return
        [
            new Row($"opening {bytes >> 20:N0} MiB after a clean close", "< 1 s", $"{Row.Median(clean):N3} s", Row.Median(clean) < 1),
            new Row("opening after a crash, 64 MiB since the last checkpoint", "bounded by the checkpoint", $"{crashed:N3} s", crashed < 2),
        ];
    }

    private static async Task FillAsync(string folder, long bytes)
    {
        await using var broker = await Broker.CreateBuilder().UseDirectory(folder).AddTopic(s_topic, topic => topic.Partitions = 4).OpenAsync();
        await PostAsync(broker, bytes);
    }

    /// <summary>A copy of the files of a running broker is what a killed process leaves.</summary>
    private static async Task<double> CrashedAsync(string folder)
    {
        using var copy = new TemporaryFolder();
        await using (var broker = await Broker.OpenAsync(folder))
        {
            await PostAsync(broker, 60L << 20);
            Process.Start("cp", ["-r", folder + "/.", copy.Path]).WaitForExit();
        }
        var clock = Stopwatch.StartNew();
        await using var recovered = await Broker.OpenAsync(copy.Path);
        return clock.Elapsed.TotalSeconds;
    }

    private static async Task PostAsync(Broker broker, long bytes)
    {
        var value = new byte[1024];
        await using var producer = broker.CreateProducer(s_topic).WithLinger(TimeSpan.FromMilliseconds(5)).WithBatchSize(256 * 1024).Build();
        for (var rest = bytes; rest > 0; rest -= value.Length)
            await producer.PostAsync(default, value);
        await producer.FlushAsync();
    }
}
