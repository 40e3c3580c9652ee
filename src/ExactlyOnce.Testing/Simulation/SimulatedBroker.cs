using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// A broker over all its lives, with the machine around it: device, clock, scheduler queue, and the history of what was asked and answered. Clients and the run
/// talk to the broker through it. Owned by one run.
/// </summary>
internal sealed class SimulatedBroker
{
    private readonly IHistory _history;
    private readonly ThreadGuard _guard = new();
    private readonly Dictionary<Guid, string> _topicNames = [];
    private readonly Dictionary<string, int> _incarnations = [];
    private readonly List<object> _kept = [];
    private readonly Dictionary<TopicPartition, long> _logStarts = [];
    private BatchDecompressor? _decompressor;
    private long _operations;
    private int _numbers;
    private bool _isFailureNoted;

    public SimulatedBroker(SimulationPlan plan, IHistory history, SimulationTrace trace, ISet<string> compactedTopics)
    {
        CompactedTopics = compactedTopics;
        Plan = plan;
        _history = history;
        Trace = trace;
        Clock = new VirtualTime(_guard);
        Queue = new WorkQueue(_guard);
        Device = Attached(new SimulatedDisk());
    }

    public SimulationPlan Plan { get; }

    public SimulationTrace Trace { get; }

    public VirtualTime Clock { get; }

    public WorkQueue Queue { get; }

    public SimulatedDisk Device { get; private set; }

    /// <summary>As the history names them: topics in which a newer record may take the place of an older one.</summary>
    public ISet<string> CompactedTopics { get; }

    /// <summary>Counts openings.</summary>
    public int Life { get; private set; }

    /// <summary>The furthest the wall clock ever was.</summary>
    public long WallMaxMs { get; private set; }

    public EngineBackend Backend { get; private set; } = null!;

    public BrokerEngine Engine => Backend.Engine;

    /// <summary>Between an opening and a death.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>The disk lies from now on, or rots, or tears: nothing that it holds can be relied on, but nothing that was not written may be shown.</summary>
    public bool IsBeyondPromise { get; set; }

    public bool HasFailed => IsOpen && Engine.Journal.Failure is not null;

    public long Operations => _operations;

    /// <summary>A number that was never given before: for values, transactions, sessions, processes, consumers.</summary>
    public int NewNumber() => ++_numbers;

    /// <summary>Holds something until the process dies.</summary>
    public void Keep(object held) => _kept.Add(held);

    /// <summary>Opens the directory as a new process.</summary>
    public void Open()
    {
        Life++;
        var disk = new OneThreadDisk(Device, _guard, Trace);
        var environment = new SimulatedEnvironment(disk, Clock, Queue, Plan.Seed * 31 + (ulong)Life);
        Backend = new EngineBackend(BrokerEngine.Open(environment, Plan.Engine));
        _decompressor = Engine.Decompressor();
        _isFailureNoted = false;
        IsOpen = true;
        Observe(new BrokerOpened(Life));
    }

    /// <summary>Nobody closes a broker whose process is gone: the runtime's list of meters would keep it for ever, and all of the run with it.</summary>
    public void LetGo()
    {
        if (IsOpen)
            Engine.Meter.Dispose();
    }

    /// <summary>The process is gone; what the device keeps follows from the profile.</summary>
    public void Die(PowerLoss loss, string cause)
    {
        LetGo();
        IsOpen = false;
        Queue.Drop();
        Clock.DropTimers();
        _kept.Clear();
        Device = Attached(Device.Crash(loss));
        Note($"died: {cause}, {loss}");
        _history.Add(new Observed(Clock.MonotonicMs, 0, new BrokerDied(cause, loss.Profile == CrashProfile.AllSurvive ? Death.Process : Death.Power)));
    }

    /// <summary>While no process runs: another device takes the place of this one.</summary>
    public void Exchange(SimulatedDisk device) => Device = Attached(device);

    /// <summary>Closes in peace, as far as the disk lets it.</summary>
    public void Close()
    {
        var hasFailed = HasFailed;
        var closing = Backend.DisposeAsync().AsTask();
        Queue.RunAll();
        if (Device.HasCrashed)
            return;
        if (!closing.IsCompletedSuccessfully)
            throw new SimulationFailedException("close", $"Closing ended as {closing.Status}: {closing.Exception?.InnerException}");
        IsOpen = false;
        Clock.DropTimers();
        _kept.Clear();
        // The same machine goes on: nothing is lost, and what was going to happen to the old process does not happen.
        Device = Attached(Device.Crash(CrashProfile.AllSurvive, 0));
        Note("closed");
        _history.Add(new Observed(Clock.MonotonicMs, 0, hasFailed ? new BrokerDied("closed after a storage failure") : new BrokerClosed()));
    }

    public void CheckThreads() => _guard.ThrowIfEscaped();

    public void NoteTime() => WallMaxMs = Math.Max(WallMaxMs, Clock.WallMs);

    /// <summary>So long ago that the broker may have forgotten its producer: a retry would be a new record.</summary>
    public bool IsStale(long wallMs) => WallMaxMs - wallMs > Plan.Engine.ProducerExpiry.TotalMilliseconds / 4;

    public long Invoke(int process, Call call)
    {
        var operation = ++_operations;
        Trace.Mix(process, operation);
        if (Trace.KeepsLines)
            Trace.Write($"  {process} #{operation} {call}");
        _history.Add(new Invoked(Clock.MonotonicMs, process, operation, call));
        return operation;
    }

    public void Complete(int process, long operation, Outcome outcome, Answer? answer = null, string? error = null)
    {
        // What a dying process answers nobody hears.
        if (!IsOpen || Device.HasCrashed)
            return;
        Trace.Mix(operation, (long)outcome);
        if (answer is WriteAnswer write)
            Trace.Mix((ulong)write.Offset);
        if (answer is OffsetAnswer found)
            Trace.Mix((ulong)found.Offset);
        if (Trace.KeepsLines)
            Trace.Write($"  {process} #{operation} → {outcome} {answer} {error}");
        _history.Add(new Completed(Clock.MonotonicMs, process, operation, outcome, answer, error));
    }

    public void Observe(Fact fact, int process = 0)
    {
        if (Trace.KeepsLines)
            Trace.Write($"  {fact}");
        _history.Add(new Observed(Clock.MonotonicMs, process, fact));
    }

    public void NoteFailure()
    {
        // What was visible before the failure is acknowledged after it, from the queue.
        if (_isFailureNoted || !HasFailed || Queue.Count > 0)
            return;
        _isFailureNoted = true;
        Observe(new StorageFailed("journal"));
    }

    public void Note(string line)
    {
        Trace.Mix(line);
        if (Trace.KeepsLines)
            Trace.Write(line);
    }

    /// <summary>What a caller knows after an exception.</summary>
    public static Outcome OutcomeOf(BrokerException exception) =>
        exception is StorageException || exception.Code == ErrorCode.OutcomeUnknown ? Outcome.Unknown : Outcome.Failed;

    /// <summary>The partitions of everything but the broker's own topics.</summary>
    public Partition[] Partitions() => [.. Engine.Partitions.InOrder().Where(partition => partition.Name.Topic[0] != '_')];

    /// <summary>The partition as the history names it: a topic deleted and made again is another one.</summary>
    public TopicPartition NameOf(Partition partition) => new(NameOf(partition.TopicId, partition.Name.Topic), partition.Name.Partition);

    public string NameOf(Guid id, string topic)
    {
        if (_topicNames.TryGetValue(id, out var name))
            return name;
        _incarnations[topic] = _incarnations.GetValueOrDefault(topic) + 1;
        name = $"{topic}#{_incarnations[topic]}";
        if (Engine.State.Topics.Find(topic) is { } put && put.Id == id && (put.Options.Cleanup & CleanupPolicy.Compact) != 0)
            CompactedTopics.Add(name);
        return _topicNames[id] = name;
    }

    private SimulatedDisk Attached(SimulatedDisk disk)
    {
        disk.SyncFailure = Plan.SyncFailure;
        disk.PassTime = by => Clock.Advance(by, Queue);
        return disk;
    }

    /// <summary>Reads on from an offset, as far as there is something, up to about so many bytes.</summary>
    public PartitionRead Read(Partition partition, long begin, bool isCommitted, int bytesMax = int.MaxValue)
    {
        try
        {
            return ReadCore(partition, begin, isCommitted, bytesMax);
        }
        catch (Exception exception) when (!IsBeyondPromise && (exception is DamagedStorageException or CorruptRecordException))
        {
            throw new SimulationFailedException("read", exception.Message, exception);
        }
    }

    private PartitionRead ReadCore(Partition partition, long begin, bool isCommitted, int bytesMax)
    {
        var records = new List<ReadRecord>();
        var source = new EnginePartition(Engine, partition);
        var offsets = source.Offsets;
        using var reader = source.OpenReader(begin, isCommitted ? IsolationLevel.ReadCommitted : IsolationLevel.ReadUncommitted);
        ReadInto(records, reader, begin, bytesMax);
        return new PartitionRead(NameOf(partition), begin, reader.NextOffset, isCommitted ? offsets.LastStable : offsets.HighWatermark, records);
    }

    private void ReadInto(List<ReadRecord> records, PartitionReader reader, long begin, int bytesMax)
    {
        var bytes = 0;
        while (bytes < bytesMax && reader.TryRead(Math.Min(bytesMax, 1 << 20), out var batches))
        {
            bytes += batches.Length;
            var sequence = new BatchSequence(batches.Span);
            while (sequence.MoveNext())
            {
                var batch = _decompressor!.Open(sequence.Current, sequence.Batch);
                while (batch.MoveNext())
                    if (batch.Offset >= begin)
                        records.Add(RecordSignature.Read(batch));
            }
        }
    }

    /// <summary>Everything that a reader gets of a damaged directory, partition by partition, up to where the reader says that there is damage.</summary>
    public void ScanDamaged(bool isCommitted)
    {
        var process = NewNumber();
        var partitions = Partitions();
        var scan = Invoke(process, new Scan(Array.ConvertAll(partitions, NameOf), isCommitted, IsSnapshot: true));
        Complete(process, scan, Outcome.Ok, new RecordsAnswer(Array.ConvertAll(partitions, partition => ReadDamaged(partition, isCommitted))));
    }

    private PartitionRead ReadDamaged(Partition partition, bool isCommitted)
    {
        var records = new List<ReadRecord>();
        var begin = partition.View.LogStart;
        using var reader = new EnginePartition(Engine, partition).OpenReader(begin, isCommitted ? IsolationLevel.ReadCommitted : IsolationLevel.ReadUncommitted);
        try
        {
            ReadInto(records, reader, begin, int.MaxValue);
        }
        catch (Exception exception) when (exception is DamagedStorageException or CorruptRecordException or StorageException)
        {
            Note($"damage in {partition.Name}: {exception.Message}");
        }
        return new PartitionRead(NameOf(partition), begin, reader.NextOffset, long.MaxValue, records);
    }

    /// <summary>Everything as of one moment, by a reader that has never been there.</summary>
    public IReadOnlyList<PartitionRead> Scan(bool isCommitted)
    {
        var process = NewNumber();
        var partitions = Partitions();
        var scan = Invoke(process, new Scan(Array.ConvertAll(partitions, NameOf), isCommitted, IsSnapshot: true));
        var reads = Array.ConvertAll(partitions, partition => Read(partition, new EnginePartition(Engine, partition).ReadableFrom, isCommitted));
        foreach (var read in reads)
            foreach (var record in read.Records)
                Trace.Mix(record.Offset, record.Value);
        Complete(process, scan, Outcome.Ok, new RecordsAnswer(reads));
        return reads;
    }

    /// <summary>A group's positions as of this moment, where no open transaction is about to move them.</summary>
    public void FetchPositions(string group)
    {
        var process = NewNumber();
        var partitions = Partitions();
        var (found, _) = Engine.Groups.Fetch(group, Array.ConvertAll(partitions, partition => partition.Key));
        var asked = new List<TopicPartition>();
        var positions = new Dictionary<TopicPartition, long>();
        for (var i = 0; i < found.Length; i++)
        {
            if (found[i].Status == FetchStatus.Unstable)
                continue;
            asked.Add(NameOf(partitions[i]));
            if (found[i].Status == FetchStatus.Value)
                positions.Add(NameOf(partitions[i]), found[i].Stored.Offset);
        }
        Complete(process, Invoke(process, new FetchOffsets(group, asked)), Outcome.Ok, new OffsetsAnswer(positions));
    }

    /// <summary>The numbers of every partition at this moment.</summary>
    public void ObserveWatermarks()
    {
        foreach (var partition in Partitions())
        {
            var offsets = new EnginePartition(Engine, partition).Offsets;
            Trace.Mix(offsets.HighWatermark, offsets.LastStable);
            var name = NameOf(partition);
            if (offsets.LogStart > _logStarts.GetValueOrDefault(name))
                Observe(new Retained(name, _logStarts[name] = offsets.LogStart));
            Observe(new Watermarks(name, offsets.LogStart, offsets.LastStable, offsets.HighWatermark, partition.State.LogEndOffset, offsets.HighWatermark));
        }
    }
}
