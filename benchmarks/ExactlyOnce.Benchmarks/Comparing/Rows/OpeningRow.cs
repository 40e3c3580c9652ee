using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>How long a broker takes to open what was closed cleanly: it must not depend on how much there is.</summary>
internal static class OpeningRow
{
    private const int ValueBytes = 64 * 1024;
    private const int SegmentBytes = 10 << 20;

    private static readonly Topic<NoKey, ReadOnlyMemory<byte>> s_topic = Topic.Create("large", Serdes.Memory);

    public static Row Row { get; } = new("opening", "Opening after a clean close of 10 GiB in 1,000 segments (quick: 1 GiB in 100)")
    {
        OpenAsync = OpenAsync,
        Bars = [Bar.AtMost(Quantity.Seconds, 1)],
        IsWarmed = false,
        DiskBytes = scale => Bytes(scale) + (2L << 30),
    };

    private static long Bytes(Scale scale) => scale.Size(full: 10L << 30, quick: 1L << 30);

    private static async Task<Contest> OpenAsync(Scale scale)
    {
        var folder = new TemporaryFolder();
        var records = (int)(Bytes(scale) / ValueBytes);
        await FillAsync(folder.Path, records);
        var segments = Directory.GetFiles(folder.Path, "*.log", SearchOption.AllDirectories).Length;
        Verify.AtLeast(Bytes(scale) / SegmentBytes, segments, "segments were written");
        return new Contest(new Contestant("ExactlyOnce", _ => MeasureAsync(folder.Path, records))).Holding(folder);
    }

    private static async Task FillAsync(string folder, int records)
    {
        await using var broker = await Broker.CreateBuilder().UseDirectory(folder).WithDurability(Durability.Written)
            .AddTopic(s_topic, topic => topic.SegmentBytes = SegmentBytes).OpenAsync();
        await using var producer = broker.CreateProducer(s_topic).WithLinger(TimeSpan.FromMilliseconds(5)).WithBatchSize(1_000_000).Build();
        var value = new byte[ValueBytes];
        for (var i = 0; i < records; i++)
            await producer.PostAsync(default, value);
        await producer.FlushAsync();
    }

    private static async Task<Figure[]> MeasureAsync(string folder, int records)
    {
        var clock = Stopwatch.StartNew();
        await using var broker = await Broker.OpenAsync(folder);
        var seconds = clock.Elapsed.TotalSeconds;
        Verify.Equal(records, Verify.EndOffsets(broker, s_topic.Name), "records are in the log");
        return [new Figure(Quantity.Seconds, seconds)];
    }
}
