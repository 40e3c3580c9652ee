using System.Diagnostics;
using ExactlyOnce.Benchmarks.Comparing.Peers;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>
/// A durable stream that waits for nothing but its end: the journal and the segment files are written, so every byte twice, and the last is on the disk when
/// it ends.
/// </summary>
internal static class DurableStreamRow
{
    private const int RecordBytes = 1024;

    private static readonly byte[] s_value = new byte[RecordBytes];

    public static Row Row { get; } = new("durable-stream",
        "Durable stream, 1 KiB values, batched, no waiting per record, flushed at the end, against a raw write of the same bytes and `fdatasync`")
    {
        OpenAsync = OpenAsync,
        Bars = [Bar.Times(Quantity.Bytes, 0.4, RawFile.Name)],
        DiskBytes = scale => 4 * Bytes(scale),
        Note = "Bytes of values only",
    };

    private static long Bytes(Scale scale) => scale.Size(full: 1L << 30, quick: 192L << 20) / RecordBytes * RecordBytes;

    private static async Task<Contest> OpenAsync(Scale scale)
    {
        var (folder, raw) = (new TemporaryFolder(), new RawFile());
        var broker = await Broker.OpenAsync(folder.Path);
        var ours = new Contestant("ExactlyOnce", share => MeasureAsync(broker, (int)(Bytes(scale) * share / RecordBytes)));
        return new Contest(ours, raw.Streaming(Bytes(scale), RecordBytes))
            .Holding(folder, broker, raw);
    }

    private static async Task<Figure[]> MeasureAsync(Broker broker, int records)
    {
        var topic = Topic.Create($"stream-{Guid.NewGuid():N}", Serdes.Memory);
        double seconds;
        await using (var producer = await broker.CreateProducer(topic).WithLinger(TimeSpan.FromMilliseconds(5)).WithBatchSize(512 * 1024).BuildAsync())
        {
            var clock = Stopwatch.StartNew();
            for (var i = 0; i < records; i++)
            {
                var posted = producer.PostAsync(default, s_value);
                if (!posted.IsCompletedSuccessfully)
                    await posted;
            }
            await producer.FlushAsync();
            seconds = clock.Elapsed.TotalSeconds;
        }
        Verify.Equal(records, Verify.EndOffsets(broker, topic.Name), "records are in the log");
        await broker.Admin.DeleteTopicAsync(topic.Name);
        return [new Figure(Quantity.Records, records / seconds), new Figure(Quantity.Bytes, (double)records * RecordBytes / seconds)];
    }
}
