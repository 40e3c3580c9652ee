using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using ExactlyOnce.Benchmarks.Comparing.Peers;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>
/// How long a record takes from the call that sends it to the consumer's loop in another thread. A record of 100 bytes carries the time of its sending.
/// </summary>
internal static class LatencyRows
{
    private const int RecordsPerSecond = 100_000;

    // The first records find code that is not compiled and a consumer that has not started.
    private const double CountedShare = 0.8;

    private static readonly Topic<NoKey, long> s_topic = Topic.Create("timed", Serdes.Create<long>(Write, BinaryPrimitives.ReadInt64LittleEndian));

    public static IReadOnlyList<Row> List { get; } =
    [
        new("latency-memory", "Producer to consumer in another thread, memory, 100,000 records a second, each sent by its own `SendAsync`")
        {
            OpenAsync = OpenInMemoryAsync,
            Bars = [Bar.AtMost(Quantity.Latency, 5)],
            IsWarmed = false,
        },
        new("latency-durable",
            "Producer to consumer, durable (`Flushed`), one awaited `SendAsync` after the other, against 4 KiB and `fdatasync` into a pre-zeroed file")
        {
            OpenAsync = OpenDurableAsync,
            Bars = [Bar.TimeOf(Quantity.Latency, 1.5, RawFile.Name)],
        },
    ];

    private static Task<Contest> OpenInMemoryAsync(Scale scale)
    {
        var records = scale.Count(full: 1_000_000, quick: 300_000);
        return Task.FromResult(new Contest(new Contestant("ExactlyOnce", _ => MeasureInMemoryAsync(records))));
    }

    private static async Task<Contest> OpenDurableAsync(Scale scale)
    {
        var (folder, raw) = (new TemporaryFolder(), new RawFile());
        var broker = await Broker.OpenAsync(folder.Path);
        var duration = scale.Duration(fullSeconds: 3, quickSeconds: 1);
        var ours = new Contestant("ExactlyOnce", share => MeasureDurableAsync(broker, duration * share));
        return new Contest(ours, raw.Committing(duration)).Holding(folder, raw, broker);
    }

    private static async Task<Figure[]> MeasureInMemoryAsync(int records)
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_topic.Name, topic => topic.RetainBytes = 64 << 20);
        await using var producer = await broker.CreateProducer(s_topic).BuildAsync();
        var reading = OwnThread.RunAsync(() => ReadAsync(broker, records));
        await OwnThread.RunAsync(() => SendAtRateAsync(producer, records));
        return Figures(await reading);
    }

    /// <summary>
    /// A record is sent when its time has come, by the clock and not by how long the one before took: a producer that was late makes up for it.
    /// </summary>
    private static async Task SendAtRateAsync(Producer<NoKey, long> producer, int records)
    {
        var begin = Stopwatch.GetTimestamp();
        for (var i = 0; i < records; i++)
        {
            var due = begin + (long)((double)i * Stopwatch.Frequency / RecordsPerSecond);
            while (Stopwatch.GetTimestamp() < due)
                Thread.SpinWait(1);
            await producer.SendAsync(default, Stopwatch.GetTimestamp());
        }
    }

    private static async Task<Figure[]> MeasureDurableAsync(Broker broker, TimeSpan duration)
    {
        await using var producer = await broker.CreateProducer(s_topic).BuildAsync();
        var sent = 0;
        var taken = new List<double>(1 << 15);
        var end = Verify.EndOffsets(broker, s_topic.Name);
        await using var consumer = broker.CreateConsumer(s_topic).StartFrom(StartFrom.Earliest).Build();
        await consumer.SeekAsync(new TopicPartition(s_topic.Name, 0), end);
        var reading = OwnThread.RunAsync(async () =>
        {
            await foreach (var batch in consumer.ReadBatchesAsync())
                foreach (var sentAt in batch.Values)
                    taken.Add(Stopwatch.GetElapsedTime(sentAt).TotalMicroseconds);
        });
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < duration; sent++)
            await producer.SendAsync(default, Stopwatch.GetTimestamp());
        await WaitUntilReadAsync(taken, sent);
        await consumer.DisposeAsync();
        await reading;
        Verify.Equal(sent, taken.Count, "records were read");
        return Figures([.. taken]);
    }

    private static async Task WaitUntilReadAsync(List<double> taken, int sent)
    {
        var clock = Stopwatch.StartNew();
        while (taken.Count < sent && clock.Elapsed < TimeSpan.FromSeconds(10))
            await Task.Delay(1);
    }

    private static async Task<double[]> ReadAsync(Broker broker, int records)
    {
        await using var consumer = broker.CreateConsumer(s_topic).StartFrom(StartFrom.Earliest).Build();
        var (taken, count) = (new double[records], 0);
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            var now = Stopwatch.GetTimestamp();
            foreach (var sentAt in batch.Values)
                taken[count++] = Stopwatch.GetElapsedTime(sentAt, now).TotalMicroseconds;
            if (count >= records)
                break;
        }
        Verify.Equal(records, count, "records were read");
        return taken;
    }

    private static Figure[] Figures(double[] taken)
    {
        var counted = taken.AsSpan((int)(taken.Length * (1 - CountedShare)));
        return
        [
            new Figure(Quantity.Latency, Statistics.Quantile(counted, 0.5)),
            new Figure(Quantity.Latency90, Statistics.Quantile(counted, 0.9)),
            new Figure(Quantity.Latency99, Statistics.Quantile(counted, 0.99)),
            new Figure(Quantity.Latency999, Statistics.Quantile(counted, 0.999)),
            new Figure(Quantity.LatencyMost, Statistics.Quantile(counted, 1)),
        ];
    }

    private static void Write(long sentAt, IBufferWriter<byte> destination)
    {
        var bytes = destination.GetSpan(Payload.Bytes)[..Payload.Bytes];
        bytes[sizeof(long)..].Clear();
        BinaryPrimitives.WriteInt64LittleEndian(bytes, sentAt);
        destination.Advance(Payload.Bytes);
    }
}
