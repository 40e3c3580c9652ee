using ExactlyOnce.Benchmarks.Comparing.Peers;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>In memory, one thread that produces and one that consumes, 100-byte values.</summary>
internal static class StreamRows
{
    private const string Ours = "ExactlyOnce";

    private static readonly Topic<NoKey, int> s_topic = Topic.Create("stream", Payload.Serde);

    public static Row BatchedBesideFasterLog { get; } = new("batched-fasterlog", "In memory, 1 producer + 1 consumer, typed API, batched (linger 1 ms)")
    {
        OpenAsync = scale => OpenAsync(Batched(Count(scale)), FasterLogPeer.OneToOne(Count(scale)), FasterLogPeer.InBulk(Count(scale))),
        Bars = [Bar.Times(Quantity.Records, 1.5, FasterLogPeer.Name)],
    };

    public static Row BatchedBesideChannel { get; } = new("batched-channel", "The same")
    {
        OpenAsync = scale => OpenAsync(Batched(Count(scale)), ChannelPeer.OneToOne(Count(scale))),
        Bars = [Bar.Times(Quantity.Records, 1.5, ChannelPeer.Name)],
    };

    public static Row SinglyBesideFasterLog { get; } = new("singly-fasterlog",
        "In memory, one `PostAsync` a record with default settings, nothing batched by the caller, 1 + 1")
    {
        OpenAsync = scale => OpenAsync(Singly(Count(scale)), FasterLogPeer.OneToOne(Count(scale))),
        Bars = [Bar.Times(Quantity.Records, 1.0, FasterLogPeer.Name)],
    };

    private static int Count(Scale scale) => scale.Count(full: 20_000_000, quick: 2_000_000);

    private static Task<Contest> OpenAsync(params Contestant[] contestants) => Task.FromResult(new Contest(contestants));

    private static Contestant Batched(int records) =>
        new(Ours, share => MeasureAsync((int)(records * share), producer => producer.WithLinger(TimeSpan.FromMilliseconds(1)).WithBatchSize(64 * 1024)));

    private static Contestant Singly(int records) => new(Ours, share => MeasureAsync((int)(records * share), producer => producer));

    private static async Task<Figure[]> MeasureAsync(int records, Func<ProducerBuilder<NoKey, int>, ProducerBuilder<NoKey, int>> configure)
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync(s_topic.Name, topic => topic.RetainBytes = 32 << 20);
        await using var producer = await configure(broker.CreateProducer(s_topic)).BuildAsync();
        await using var consumer = broker.CreateConsumer(s_topic).StartFrom(StartFrom.Earliest).Build();
        var progress = new Progress();
        var figures = await OwnThread.MeasurePairAsync(
            records, () => ProduceAsync(producer, records, progress), () => ConsumeAsync(consumer, records, progress));
        Verify.Equal(records, Verify.EndOffsets(broker, s_topic.Name), "records are in the log");
        return figures;
    }

    private static async Task ProduceAsync(Producer<NoKey, int> producer, int records, Progress progress)
    {
        for (var i = 1; i <= records; i++)
        {
            var posted = producer.PostAsync(default, Payload.Bytes);
            if (!posted.IsCompletedSuccessfully)
                await posted;
            progress.LetWrite(i);
        }
        await producer.FlushAsync();
    }

    private static async Task ConsumeAsync(Consumer<NoKey, int> consumer, int records, Progress progress)
    {
        var (count, bytes) = (0L, 0L);
        await foreach (var batch in consumer.ReadBatchesAsync())
        {
            foreach (var length in batch.Values)
                bytes += length;
            count += batch.Count;
            progress.Report(count);
            if (count >= records)
                break;
        }
        Verify.Equal((long)records * Payload.Bytes, bytes, "bytes were consumed");
    }
}
