using BenchmarkDotNet.Attributes;
using ExactlyOnce.Clients;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Benchmarks;

/// <summary>
/// The hops on the way of one record (architecture, section 3) that are not pure: posting, the append to the log, the journal, the cursor, the consumer, a
/// commit. <see cref="Records"/> records of 100 bytes an operation, in memory; the journal writes to a disk in memory, since a real one would be all that is
/// measured.
/// </summary>
[MemoryDiagnoser]
[InProcess]
public class WayBenchmarks
{
    private const long NowMs = 1_700_000_000_000;

    private static readonly Topic<NoKey, int> s_topic = Topic.Create("way", Payload.Serde);

    private readonly AppendedBatch _batch = new();
    private Broker _broker = null!;
    private Producer<NoKey, int> _producer = null!;
    private TransactionalProducer _transactions = null!;
    private Partition _partition = null!;
    private PartitionCursor _cursor = null!;
    private Consumer<NoKey, int> _consumer = null!;
    private IAsyncEnumerator<ConsumerBatch<NoKey, int>> _batches = null!;
    private JournalWriter _journal = null!;
    private ManifestStore _manifests = null!;
    private int _frames;

    [Params(1, 16, 256)]
    public int Records { get; set; }

    [GlobalSetup]
    public async Task OpenAsync()
    {
        _broker = Broker.CreateInMemory();
        foreach (var topic in new[] { "way", "filled", "appended" })
            await _broker.Admin.CreateTopicAsync(topic, options => options.RetainBytes = 32 << 20);
        _producer = _broker.CreateProducer(s_topic).WithLinger(TimeSpan.FromMilliseconds(1)).WithBatchSize(1 << 20).Build();
        _transactions = await _broker.CreateTransactionalProducerAsync("way");
        _batch.Seal(Records);
        var engine = ((EngineBackend)_broker.Backend).Engine;
        _partition = engine.Partitions.Find(new TopicPartition("appended", 0))!;
        var filled = engine.Partitions.Find(new TopicPartition("filled", 0))!;
        for (var batch = 0; batch < 64; batch++)
            Accepted(filled.Append(_batch.Header with { Producer = ProducerIdentity.None, BaseSequence = Sequence.None }, _batch.Bytes, AppendOrigin.Coordinator, NowMs));
        _cursor = new PartitionCursor(filled, 0, IsolationLevel.ReadCommitted);
        _consumer = _broker.CreateConsumer(Topic.Create("filled", Payload.Serde)).StartFrom(StartFrom.Earliest).WithBatch(maxRecords: Records).Build();
        _batches = _consumer.ReadBatchesAsync().GetAsyncEnumerator();
        OpenJournal();
    }

    [GlobalCleanup]
    public async Task CloseAsync()
    {
        _cursor.Dispose();
        await _batches.DisposeAsync();
        await _broker.DisposeAsync();
    }

    /// <summary>Hops 1 to 4: partitioner, accumulator, encoding, and the append when they are flushed.</summary>
    [Benchmark]
    public ValueTask PostAndFlush()
    {
        for (var i = 0; i < Records; i++)
            _producer.PostAsync(default, Payload.Bytes).GetAwaiter().GetResult();
        return _producer.FlushAsync();
    }

    /// <summary>Hop 4: the partition's lock, decision, copy into the log, application, visibility.</summary>
    [Benchmark]
    public long Append() => Accepted(_partition.Append(_batch.Next(), _batch.Bytes, AppendOrigin.Client, NowMs));

    /// <summary>Hop 5 without the disk: a frame, its group, checksum and write, publication.</summary>
    [Benchmark]
    public long Journal()
    {
        var frame = _journal.RentFrame();
        frame.Begin(0);
        frame.AddReference((byte)PieceOwner.Partition, _partition.Key, (byte)PartitionPiece.Batch, _batch.Memory);
        using (_journal.QueueLock.Enter())
        {
            _journal.Reserve(frame);
            _journal.Link(frame);
        }
        _journal.DriveToEnd();
        if (++_frames % 1024 == 0)
            RecycleJournal();
        return _journal.VisibleLsn;
    }

    /// <summary>Hop 6: a read_committed cursor's next batch.</summary>
    [Benchmark]
    public int Cursor()
    {
        if (_cursor.TryRead(1, out var batch) == CursorStatus.Read)
            return batch.Length;
        _cursor.Seek(0);
        return 0;
    }

    /// <summary>Hops 6 and 7: the consumer's next batch of so many records, each looked at.</summary>
    [Benchmark]
    public async ValueTask<int> Consume()
    {
        var bytes = 0;
        await _batches.MoveNextAsync();
        foreach (var length in _batches.Current.Values)
            bytes += length;
        if (_batches.Current[^1].Offset == (64 * Records) - 1)
            await _consumer.SeekAsync(new TopicPartition("filled", 0), 0);
        return bytes;
    }

    /// <summary>Hops 1 to 8: a transaction of so many records.</summary>
    [Benchmark]
    public async ValueTask Transaction()
    {
        await using var transaction = await _transactions.BeginTransactionAsync();
        for (var i = 0; i < Records; i++)
            await transaction.SendAsync(s_topic, default, Payload.Bytes);
        await transaction.CommitAsync();
    }

    private static long Accepted(in AppendReceipt receipt) =>
        receipt.Error == ErrorCode.None && !receipt.IsDuplicate ? receipt.Lsn : throw new InvalidOperationException($"An append was refused: {receipt.Error}.");

    private void OpenJournal()
    {
        var environment = new StepEnvironment(new MemoryDisk());
        DurableDirectory.Create(environment.Disk, $"/way/{JournalFormat.DirectoryName}");
        _manifests = new ManifestStore(environment.Disk, "/way", new Manifest());
        _journal = new JournalWriter(environment, new JournalOptions { Durability = Durability.Written }, _manifests);
    }

    /// <summary>As a checkpoint does: the files in front of it are used again.</summary>
    private void RecycleJournal()
    {
        var lsn = _journal.VisibleLsn;
        _manifests.Update(manifest => manifest with { CheckpointLsn = lsn, JournalFiles = manifest.JournalFilesAfter(lsn) });
        _journal.Recycle();
    }

    /// <summary>One sealed batch that goes on with its producer's sequence.</summary>
    private sealed class AppendedBatch
    {
        private readonly BatchWriter _writer = new();
        private BatchHeader _header;
        private int _sequence;

        public ref readonly BatchHeader Header => ref _header;

        public ReadOnlySpan<byte> Bytes => _writer.Bytes.Span;

        public ReadOnlyMemory<byte> Memory => _writer.Bytes;

        public void Seal(int records)
        {
            _writer.Reset();
            for (var i = 0; i < records; i++)
                _writer.TryAppend(NowMs, default, false, Payload.Value, true, null, int.MaxValue);
            _header = _writer.Seal(new ProducerIdentity(1, 0), 0, BatchAttributes.None, null);
        }

        public BatchHeader Next()
        {
            var header = _header with { BaseSequence = _sequence };
            _sequence = Sequence.Add(_sequence, header.RecordCount);
            return header;
        }
    }
}
