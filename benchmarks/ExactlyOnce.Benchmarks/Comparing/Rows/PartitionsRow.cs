using System.Diagnostics;

namespace ExactlyOnce.Benchmarks.Comparing.Rows;

/// <summary>Many partitions share one journal and one sync: writing to all of them in turn costs little more than writing to one.</summary>
internal static class PartitionsRow
{
    private const int Many = 1_000;

    private static readonly Topic<NoKey, int> s_one = Topic.Create("one", Payload.Serde);
    private static readonly Topic<NoKey, int> s_many = Topic.Create("many", Payload.Serde);

    public static Row Row { get; } = new("partitions", "1,000 partitions written round robin, durable, posts with a linger of 20 ms, against 1 partition")
    {
        OpenAsync = OpenAsync,
        Bars = [Bar.Times(Quantity.Records, 0.7, "1 partition")],
        DiskBytes = scale => 500L * Count(scale) * scale.Rounds,
    };

    private static int Count(Scale scale) => scale.Count(full: 3_000_000, quick: 500_000);

    private static async Task<Contest> OpenAsync(Scale scale)
    {
        var folder = new TemporaryFolder();
        var broker = await Broker.CreateBuilder().UseDirectory(folder.Path).AddTopic(s_one).AddTopic(s_many, topic => topic.Partitions = Many).OpenAsync();
        var records = Count(scale);
        return new Contest(
            new Contestant("1,000 partitions", share => MeasureAsync(broker, s_many, (int)(records * share), Many)),
            new Contestant("1 partition", share => MeasureAsync(broker, s_one, (int)(records * share), 1))).Holding(folder, broker);
    }

    private static async Task<Figure[]> MeasureAsync(Broker broker, Topic<NoKey, int> topic, int records, int partitions)
    {
        var before = Verify.EndOffsets(broker, topic.Name);
        await using var producer = await broker.CreateProducer(topic).WithLinger(TimeSpan.FromMilliseconds(20)).BuildAsync();
        var clock = Stopwatch.StartNew();
        for (int i = 0, partition = 0; i < records; i++, partition = partition + 1 == partitions ? 0 : partition + 1)
        {
            var posted = producer.PostAsync(new ProducerRecord<NoKey, int>(default, Payload.Bytes) { Partition = partition });
            if (!posted.IsCompletedSuccessfully)
                await posted;
        }
        await producer.FlushAsync();
        var seconds = clock.Elapsed.TotalSeconds;
        Verify.Equal(records, Verify.EndOffsets(broker, topic.Name) - before, "records are in the log");
        return [new Figure(Quantity.Records, records / seconds)];
    }
}
