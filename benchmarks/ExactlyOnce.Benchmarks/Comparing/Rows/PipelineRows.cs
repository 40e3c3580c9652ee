using System.Diagnostics;
using ExactlyOnce.Benchmarks.Comparing.Peers;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>
/// Consume, transform, produce, exactly once: a pipeline as the README shows it, one worker, batches of 1,000. The topic it reads was filled before; each
/// round is a
/// pipeline of its own, from the beginning to the end, into a topic of its own.
/// </summary>
internal static class PipelineRows
{
    private const int BatchRecords = 1_000;

    private static readonly Topic<NoKey, int> s_source = Topic.Create("source", Payload.Serde);

    public static Row InMemory { get; } = new("pipeline-memory",
        "Consume-transform-produce, exactly once, memory, 1 worker, batches of 1,000, against the same loop by hand over two channels")
    {
        OpenAsync = scale => OpenAsync(scale, folder: null),
        Bars = [Bar.Times(Quantity.Records, 0.5, $"two {ChannelPeer.Name}s by hand"), Bar.AtLeast(Quantity.Records, 2_000_000)],
    };

    public static Row Durable { get; } = new("pipeline-durable", "The same, durable (`Flushed`)")
    {
        OpenAsync = scale => OpenAsync(scale, new TemporaryFolder()),
        Bars = [Bar.AtLeast(Quantity.Records, 500_000)],
        DiskBytes = scale => 500L * Count(scale) * scale.Rounds,
    };

    private static int Count(Scale scale) => scale.Count(full: 3_000_000, quick: 500_000);

    private static async Task<Contest> OpenAsync(Scale scale, TemporaryFolder? folder)
    {
        var records = Count(scale);
        var broker = folder is null ? Broker.CreateInMemory() : await Broker.OpenAsync(folder.Path);
        await FillAsync(broker, records);
        var ours = new Contestant("ExactlyOnce", _ => MeasureAsync(broker, records));
        return folder is null
            ? new Contest(ours, ChannelPeer.ReadTransformWrite(records)).Holding(broker)
            : new Contest(ours).Holding(folder, broker);
    }

    private static async Task FillAsync(Broker broker, int records)
    {
        await using var producer = broker.CreateProducer(s_source).Build();
        for (var i = 0; i < records; i++)
            await producer.PostAsync(default, Payload.Bytes);
        await producer.FlushAsync();
    }

    private static async Task<Figure[]> MeasureAsync(Broker broker, int records)
    {
        var name = $"round-{Guid.NewGuid():N}";
        var target = Topic.Create(name, Payload.Serde);
        await broker.Admin.CreateTopicAsync(name);
        await using var pipeline = broker.CreatePipeline(name).Read(s_source).WithBatch(BatchRecords)
            .Process(async (batch, output, _) =>
            {
                foreach (var record in batch)
                    await output.SendAsync(target, default, record.Value, CancellationToken.None);
            });
        var clock = Stopwatch.StartNew();
        await pipeline.RunUntilCaughtUpAsync();
        var seconds = clock.Elapsed.TotalSeconds;
        await VerifyAsync(broker, name, records);
        await broker.Admin.DeleteTopicAsync(name);
        return [new Figure(Quantity.Records, records / seconds)];
    }

    private static async Task VerifyAsync(Broker broker, string name, int records)
    {
        var partition = broker.Backend.GetPartition(new TopicPartition(name, 0));
        Verify.Equal(records, partition.CountDeliverable(0, IsolationLevel.ReadCommitted), "records were produced");
        var committed = await broker.Admin.GetGroupOffsetsAsync(name, s_source.Name);
        Verify.Equal(records, committed[new TopicPartition(s_source.Name, 0)].Offset, "is the committed position");
    }
}
