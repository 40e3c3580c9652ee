using ExactlyOnce.Clients;
using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Testing.Fuzzing;

/// <summary>How a sample directory came to its end.</summary>
internal enum SampleEnd
{
    /// <summary>Closed in order.</summary>
    Closed,

    /// <summary>The process died after the journal had been idle for a moment: its last group is vouched for.</summary>
    DiedIdle,

    /// <summary>The process died right after an acknowledgement: nothing vouches for the journal's last group.</summary>
    DiedBusy,
}

/// <summary>
/// A small directory that a broker wrote, with a bit of everything in it: journal, checkpoint, segments with all their indexes, a compacted topic, plain,
/// named, transactional (both outcomes, and one left open) and compressed batches, committed offsets, message ids, a prepared transaction. The same bytes every
/// time.
/// </summary>
internal static class SampleDirectory
{
    public const string Root = "/data";

    private static readonly Topic<string, string> s_plain = Topic.Create("plain", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, string> s_latest = Topic.Create("latest", Serdes.Utf8, Serdes.Utf8);
    private static readonly Topic<string, string> s_imported = Topic.Create("imported", Serdes.Utf8, Serdes.Utf8);

    /// <summary>How the broker is opened, when the directory is written and whenever it is read again.</summary>
    public static EngineOptions Options { get; } = new()
    {
        Directory = Root,
        Durability = Durability.Flushed,
        JournalFileBytes = 64 << 10,
        CheckpointBytes = 1 << 20,
        TailBytesMax = 4 << 20,
    };

    /// <param name="end">How it ends.</param>
    /// <param name="bulkBytes">Size of the values that make up most of the segments; with 0 there are no segment files.</param>
    /// <param name="bulkRecords">How many of them; with 0 the directory is as small as one with everything in it can be.</param>
    public static DirectoryImage Make(SampleEnd end, int bulkBytes = 900, int bulkRecords = 96)
    {
        var disk = new SimulatedDisk();
        var environment = new StepEnvironment(disk);
        var engine = BrokerEngine.Open(environment, Options);
        var broker = new Broker(new EngineBackend(engine), new BrokerOptions { Directory = Root, Environment = environment });
        environment.Run(() => FillAsync(broker, environment, bulkBytes, bulkRecords));
        engine.Checkpoint();
        engine.CompactLogs(engine.NowMs);
        environment.Run(() => GoOnAsync(broker));
        if (end == SampleEnd.DiedIdle)
            engine.Housekeeping.Run();
        if (end == SampleEnd.Closed)
            environment.Run(async () =>
            {
                await broker.DisposeAsync();
                await new SchedulerHop(environment.Completions);
            });
        return DirectoryImage.Of(disk, Root);
    }

    private static async Task FillAsync(Broker broker, StepEnvironment environment, int bulkBytes, int bulkRecords)
    {
        await broker.Admin.CreateTopicAsync("plain", options =>
        {
            options.Partitions = 2;
            options.SegmentBytes = 32 << 10;
        });
        await broker.Admin.CreateTopicAsync("latest", options =>
        {
            options.Cleanup = CleanupPolicy.Compact;
            options.SegmentBytes = 16 << 10;
        });
        await broker.Admin.CreateTopicAsync("imported", options => options.MessageIdWindow = TimeSpan.FromHours(1));
        await SendBulkAsync(broker, environment, bulkBytes, bulkRecords);
        await TransactAsync(broker, "checkout", commit: true, bulkBytes);
        await TransactAsync(broker, "checkout", commit: false, bulkBytes);
        await TransactAsync(broker, "billing", commit: true, bulkBytes);
        await ImportAsync(broker, 3);
    }

    private static async Task SendBulkAsync(Broker broker, StepEnvironment environment, int bulkBytes, int bulkRecords)
    {
        await using var plain = broker.CreateProducer(s_plain).Build();
        await using var packed = broker.CreateProducer(s_plain).WithCompression(CompressionType.Gzip).Build();
        await using var latest = broker.CreateProducer(s_latest).Build();
        for (var i = 0; i < bulkRecords; i++)
        {
            environment.Clock.Advance(TimeSpan.FromMilliseconds(7));
            await plain.SendAsync(new ProducerRecord<string, string>($"key {i}", Value(i, bulkBytes)) { Partition = 0, Headers = RecordHeaders.Empty.With("number", $"{i}") });
            if (i % 4 == 0)
                await latest.SendAsync(new ProducerRecord<string, string>($"alone {i}", Value(i, bulkBytes)));
            await latest.SendAsync(new ProducerRecord<string, string>($"often {i % 5}", Value(i, bulkBytes)));
            if (i % 16 == 0)
                await packed.SendAsync(new ProducerRecord<string, string>("packed", Value(i, 400 + bulkBytes)) { Partition = 1 });
            if (i % 24 == 0)
                await TransactAsync(broker, "checkout", commit: i % 48 == 0, bulkBytes);
        }
    }

    private static async Task TransactAsync(Broker broker, string id, bool commit, int bulkBytes)
    {
        await using var producer = await broker.CreateTransactionalProducerAsync(id, new TransactionalProducerOptions { BatchSize = 512 });
        var transaction = await producer.BeginTransactionAsync();
        for (var i = 0; i < 3; i++)
            await transaction.SendAsync(s_plain, new ProducerRecord<string, string>("transaction", Value(i, bulkBytes / 2)) { Partition = i % 2 });
        if (commit)
            await transaction.CommitAsync();
        else
            await transaction.AbortAsync();
    }

    private static async Task ImportAsync(Broker broker, int count)
    {
        await using var producer = broker.CreateProducer(s_imported).WithIdentity("import").Build();
        var next = (await producer.GetLastSourceSequenceAsync() ?? -1) + 1;
        for (var sequence = next; sequence < next + count; sequence++)
            await producer.SendAsync(new ProducerRecord<string, string>("key", $"row {sequence}") { SourceSequence = sequence });
        await using var plain = broker.CreateProducer(s_imported).Build();
        await plain.SendAsync(new ProducerRecord<string, string>("key", "once") { MessageId = $"message {next}" });
    }

    /// <summary>What stands behind the last checkpoint: in the journal alone.</summary>
    private static async Task GoOnAsync(Broker broker)
    {
        await using (var pipeline = broker.CreatePipeline("totals").Read(s_imported).WithBatch(2)
            .To(s_plain, record => (record.Key, $"of {record.Offset}")))
            await pipeline.RunUntilCaughtUpAsync();
        await TransactAsync(broker, "billing", commit: false, 200);
        await ImportAsync(broker, 2);
        await TransactAsync(broker, "billing", commit: true, 200);
        await using (var producer = await broker.CreateTransactionalProducerAsync("outer"))
        {
            var transaction = await producer.BeginTransactionAsync();
            await transaction.SendAsync(s_plain, new ProducerRecord<string, string>("prepared", "to be decided") { Partition = 1 });
            await transaction.PrepareAsync();
        }
        await broker.Admin.ResetGroupOffsetAsync("dashboard", new TopicPartition("plain", 0), 5);
        await using var last = broker.CreateProducer(s_plain).Build();
        await last.SendAsync(new ProducerRecord<string, string>("last", "acknowledged") { Partition = 1 });
    }

    private static string Value(int number, int bytes) => $"value {number} " + string.Concat(Enumerable.Range(number, bytes / 8).Select(n => $"{n * 7919 % 9973:D4} .;"));
}
