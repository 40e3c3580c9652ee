using ExactlyOnce.Engine;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.Testing.Simulation;
using ExactlyOnce.Tests.Engine.Log;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// A broker on one thread and a disk that a test controls, driven by the engine's synchronous calls: nothing happens unless the test does it. One life; the
/// disk outlives it.
/// </summary>
internal sealed class StepBroker
{
    public const string Root = "/data";

    private static readonly TransactionClient s_client = TransactionClient.InProcess("the museum");

    private StepBroker(IDisk disk, EngineOptions options)
    {
        Environment = new StepEnvironment(disk);
        Engine = BrokerEngine.Open(Environment, options);
        // The runtime's list of meters would keep the broker and its disk for ever when it is never closed.
        Engine.Meter.Dispose();
        Broker = new Broker(new EngineBackend(Engine), new BrokerOptions { Directory = options.Directory, Environment = Environment });
    }

    /// <summary>Files as small as they go.</summary>
    public static EngineOptions Small => new()
    {
        Directory = Root,
        Durability = Durability.Flushed,
        JournalFileBytes = 256 << 10,
        CheckpointBytes = 8 << 20,
        TailBytesMax = 32 << 20,
    };

    public StepEnvironment Environment { get; }

    public BrokerEngine Engine { get; }

    public Broker Broker { get; }

    public long NowMs => Engine.NowMs;

    public static StepBroker Open(IDisk disk, EngineOptions? options = null) => new(disk, options ?? Small);

    public static StepBroker InMemory() => new(new MemoryDisk(), new EngineOptions());

    public void Run(Func<Task> work) => Environment.Run(work);

    public T Run<T>(Func<Task<T>> work) => Environment.Run(work);

    public void CreateTopic(string name, Action<TopicOptions>? configure = null) => Run(() => Broker.Admin.CreateTopicAsync(name, configure ?? (static _ => { })));

    public Partition Find(string topic, int partition = 0) => Engine.Partitions.Find(new TopicPartition(topic, partition))!;

    /// <summary>Appends one plain batch; answers the receipt, whatever it says.</summary>
    public AppendReceipt TryAppend(string topic, int partition, byte[] batch) =>
        Find(topic, partition).Append(BatchHeader.Read(batch), batch, AppendOrigin.Client, NowMs);

    /// <summary>Appends records in one batch, which must succeed and be visible at once; answers the base offset.</summary>
    public long Append(string topic, int partition, params (string? Key, string? Value)[] records)
    {
        var receipt = TryAppend(topic, partition, TestBatch.At(NowMs, records));
        receipt.Error.Should().Be(ErrorCode.None);
        Engine.Journal.VisibleLsn.Should().BeGreaterThanOrEqualTo(receipt.Lsn);
        return receipt.BaseOffset;
    }

    /// <summary>Appends a batch inside a transaction, enrolling the partition if need be; answers the LSN of its frame.</summary>
    public long AppendIn(string id, ProducerIdentity identity, string topic, int partition, int sequence, params (string? Key, string? Value)[] records) =>
        AppendIn(id, identity, topic, partition, sequence, codec: null, records);

    public long AppendIn(
        string id, ProducerIdentity identity, string topic, int partition, int sequence, ICompressionCodec? codec, params (string? Key, string? Value)[] records)
    {
        var batch = TestBatch.Of(identity, sequence, isTransactional: true, NowMs, codec, records);
        var receipt = TryAppend(topic, partition, batch);
        if (receipt.NeedsEnrolment)
            receipt = Engine.Transactions.EnrolAndAppend(Find(topic, partition), id, s_client, BatchHeader.Read(batch), batch, NowMs, out _, out _);
        Engine.Journal.Drive();
        receipt.Error.Should().Be(ErrorCode.None);
        return receipt.Lsn;
    }

    public ProducerIdentity InitProducer(string id)
    {
        var reply = Engine.Transactions.InitProducer(new InitProducerCommand(id, s_client) { TimeoutMs = 60_000 }, NowMs);
        Engine.Journal.Drive();
        return reply.Decision.Identity;
    }

    /// <summary>Ends a transaction, with the offset of a group when one is given. The next transaction's identity is in the answer, at once.</summary>
    public CoordinatorReply End(string id, ProducerIdentity identity, bool commit, params OffsetCommitRequest[] offsets)
    {
        var reply = EndUndriven(id, identity, commit, offsets);
        Engine.Journal.Drive();
        return reply;
    }

    /// <summary>The same, and the journal is left to whoever drives it.</summary>
    public CoordinatorReply EndUndriven(string id, ProducerIdentity identity, bool commit, params OffsetCommitRequest[] offsets)
    {
        var reply = Engine.Transactions.End(id, identity, commit, offsets, s_client, NowMs, out var refused);
        refused.Should().BeNull();
        reply.Decision.IsRefused.Should().BeFalse();
        return reply;
    }

    public OffsetCommitRequest OffsetOf(string group, string topic, int partition, long offset) => new()
    {
        Group = group,
        Offsets = [new OffsetValue(Find(topic, partition).Key, offset)],
        AllOrNothing = true,
    };

    /// <summary>The group's stable offset; null when there is none. Fails when an open transaction holds it.</summary>
    public long? CommittedOf(string group, string topic, int partition = 0)
    {
        var found = Engine.Groups.Fetch(group, [Find(topic, partition).Key]).Offsets[0];
        found.Status.Should().NotBe(FetchStatus.Unstable);
        return found.Status == FetchStatus.Value ? found.Stored.Offset : null;
    }

    /// <summary>What a consumer is given now, from the beginning, in the order of offsets.</summary>
    public List<(long Offset, string Key, string Value)> Read(string topic, int partition = 0, IsolationLevel isolation = IsolationLevel.ReadCommitted) =>
        Run(async () =>
        {
            var records = new List<(long, string, string)>();
            await using var consumer = Broker.CreateConsumer(Topic.Create(topic, Serdes.Utf8, Serdes.Utf8)).WithIsolation(isolation).WithPartitions(partition).Build();
            await foreach (var record in consumer.ReadToEndAsync())
                records.Add((record.Offset, record.Key, record.Value));
            return records;
        });

    public List<string> Values(string topic, int partition = 0) => [.. Read(topic, partition).Select(record => record.Value)];

    public void Close() => Run(async () => await Broker.DisposeAsync());

    /// <summary>Every file below the broker's folder, full paths.</summary>
    public static List<string> FilesOn(IDisk disk, string directory = Root)
    {
        var files = new List<string>();
        foreach (var entry in disk.List(directory))
        {
            if (entry.EndsWith('/'))
                files.AddRange(FilesOn(disk, directory + "/" + entry.TrimEnd('/')));
            else
                files.Add(directory + "/" + entry);
        }
        return files;
    }

    /// <summary>Writes bytes into a file behind the broker's back.</summary>
    public static void Overwrite(IDisk disk, string path, long position, ReadOnlySpan<byte> bytes)
    {
        using var file = disk.Open(path, FileOpening.ReadWrite);
        file.Write(position, bytes);
    }
}
