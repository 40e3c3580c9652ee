using System.Diagnostics;
using ExactlyOnce.Benchmarks.Comparing.Peers;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>
/// A consumer that reads from the beginning what lies in segment files, as after a restart: the broker was closed and opened again, so nothing of it is in its
/// own memory.
/// </summary>
internal static class CatchUpRow
{
    private const int BytesPerRecord = 107;

    private static readonly Topic<NoKey, int> s_topic = Topic.Create("records", Payload.Serde);

    public static Row Row { get; } = new("catch-up",
        "Catch-up read of 1 GiB (quick: 256 MiB) of 100-byte values from segment files, page cache warm, against a raw read of the same files")
    {
        OpenAsync = OpenAsync,
        Bars = [Bar.Times(Quantity.Bytes, 0.5, RawFile.Name)],
        DiskBytes = scale => 2 * Bytes(scale),
        Note = "Bytes of the files, for both; ours looks at each value's length",
    };

    private static long Bytes(Scale scale) => scale.Size(full: 1L << 30, quick: 256L << 20);

    private static async Task<Contest> OpenAsync(Scale scale)
    {
        var folder = new TemporaryFolder();
        var records = (int)(Bytes(scale) / BytesPerRecord);
        await FillAsync(folder.Path, records);
        var broker = await Broker.OpenAsync(folder.Path);
        var files = Directory.GetFiles(folder.Path, "*.log", SearchOption.AllDirectories)
            .Where(path => Path.GetDirectoryName(path)!.EndsWith($"-{s_topic.Name}-0", StringComparison.Ordinal)).Order().ToList();
        var bytes = files.Sum(path => new FileInfo(path).Length);
        Verify.AtLeast((long)records * Payload.Bytes, bytes, "bytes are in segment files");
        return new Contest(new Contestant("ExactlyOnce", _ => MeasureAsync(broker, records, bytes)), RawFile.Reading(files)).Holding(folder, broker);
    }

    private static async Task FillAsync(string folder, int records)
    {
        await using var broker = await Broker.CreateBuilder().UseDirectory(folder).WithDurability(Durability.Written).OpenAsync();
        await using var producer = broker.CreateProducer(s_topic).Build();
        for (var i = 0; i < records; i++)
            await producer.PostAsync(default, Payload.Bytes);
        await producer.FlushAsync();
    }

    private static async Task<Figure[]> MeasureAsync(Broker broker, int records, long bytes)
    {
        await using var consumer = broker.CreateConsumer(s_topic).StartFrom(StartFrom.Earliest).WithBatch(maxRecords: 5_000).Build();
        var (count, valueBytes) = (0L, 0L);
        var clock = Stopwatch.StartNew();
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            foreach (var length in batch.Values)
                valueBytes += length;
            count += batch.Count;
            if (count >= records)
                break;
        }
        var seconds = clock.Elapsed.TotalSeconds;
        Verify.Equal((long)records * Payload.Bytes, valueBytes, "bytes were read");
        return [new Figure(Quantity.Bytes, bytes / seconds), new Figure(Quantity.Records, records / seconds)];
    }
}
