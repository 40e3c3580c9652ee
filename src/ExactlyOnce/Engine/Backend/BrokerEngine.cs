using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Diagnostics;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// A running broker: the parts that own state, wired together. Made by <see cref="Open"/>, which recovers what the directory holds; ended by
/// <see cref="CloseAsync"/>, which leaves a clean directory behind. Everything here is synchronous; tasks begin in <see cref="EngineBackend"/>.
/// </summary>
internal sealed class BrokerEngine : IJournalListener
{
    private const int ExpandedBatchBytesMax = 256 << 20;

    /// <summary>Records that may be ahead by less than this are judged by an exact clock: the usual one may be late by a tick.</summary>
    private static readonly TimeSpan s_exactAhead = TimeSpan.FromSeconds(1);

    private readonly OpenedStorage _storage;
    private readonly LogCompactor _compactor;
    private readonly InternalTopics _internalTopics;
    private readonly Lock _closeLock = new();
    private Task? _closing;
    private volatile bool _isClosed;

    /// <summary>
    /// Who works in the directory: this broker until it is closed, and housekeeping until its thread has ended. The last one gives everything back.
    /// </summary>
    private int _inStorage = 1;

    private BrokerEngine(BrokerEnvironment environment, EngineOptions options, OpenedStorage storage)
    {
        Environment = environment;
        Options = options;
        _storage = storage;
        Log = environment.LoggerFactory.CreateLogger("ExactlyOnce.Broker");
        var composer = new FrameComposer(State, Journal);
        Transactions = new TransactionCoordinator(State, composer, Partitions, new OffsetCommits(State));
        Topics = new TopicCoordinator(State, composer, Partitions, storage.Factory);
        Groups = new GroupCoordinator(State, composer, new ClassicWaits());
        MessageIds = new MessageIdAppends(State, composer);
        Congestion = new Congestion(options, Journal, storage.Checkpointer, environment.Completions);
        Codecs = new Codecs(options.Codecs);
        _internalTopics = new InternalTopics(State, Partitions, Topics);
        _compactor = new LogCompactor(storage.Checkpointer, storage.Chunks, Codecs.Find, options.IndexIntervalBytes);
        Deadlines = new Deadlines(this);
        Housekeeping = new Housekeeping(this, storage.Checkpointer);
        Meter = new EngineMeter(this);
        Identity = new BrokerIdentity(storage.Manifests, environment);
        GroupSessions = new GroupSessions(environment.Time) { Rebalanced = Meter.RecordRebalance };
        Journal.Listener = this;
    }

    public BrokerEnvironment Environment { get; }

    public EngineOptions Options { get; }

    public ILogger Log { get; }

    public JournalWriter Journal => _storage.Journal;

    public CoordinationState State => _storage.State;

    public PartitionTable Partitions => _storage.Partitions;

    public TransactionCoordinator Transactions { get; }

    public TopicCoordinator Topics { get; }

    public GroupCoordinator Groups { get; }

    public GroupSessions GroupSessions { get; }

    public MessageIdAppends MessageIds { get; }

    public Congestion Congestion { get; }

    public Codecs Codecs { get; }

    public Deadlines Deadlines { get; }

    public Housekeeping Housekeeping { get; }

    public EngineMeter Meter { get; }

    public BrokerIdentity Identity { get; }

    /// <summary>Producers that are open in this process: holding one is activity.</summary>
    public LiveProducers LiveProducers { get; } = new();

    /// <summary>Pulses when a transaction has ended.</summary>
    public ChangeSignal TransactionEnded { get; } = new();

    public bool IsClosed => _isClosed;

    public long NowMs => Environment.NowMs;

    /// <summary>
    /// The time a batch is appended at: to the millisecond where it becomes the records' timestamp, or is what their own may hardly be ahead of.
    /// </summary>
    public long AppendTimeMs(TopicOptions options) =>
        options.TimestampType == TimestampType.LogAppendTime || (options.TimestampMaxAhead < s_exactAhead && options.TimestampMaxAhead != TopicOptions.Forever)
            ? Environment.ExactNowMs
            : Environment.NowMs;

    /// <summary>Opens a broker: recovers, aborts what in-process producers of the last run left open, and begins to accept calls.</summary>
    public static BrokerEngine Open(BrokerEnvironment environment, EngineOptions options)
    {
        var started = environment.Time.GetTimestamp();
        var storage = OpenStorage(environment, options);
        var engine = new BrokerEngine(environment, options, storage);
        try
        {
            environment.NotBefore(engine.State.Transactions.LatestUpdateMs);
            engine.Journal.Start();
            engine.Transactions.AbortAfterRestart(engine.NowMs);
            engine.Groups.ForgetMembersAfterRestart(engine.NowMs);
            engine.Journal.Drive();
            SyncWait.For(engine.Journal, engine.Journal.AppendedLsn);
            engine.Journal.ThrowIfFailed();
            engine.Housekeeping.Start();
            engine.Deadlines.Rearm();
        }
        catch
        {
            engine.LeaveStorage();
            throw;
        }
        engine.Meter.RecordRecovery(environment.Time.GetElapsedTime(started));
        if (options.Directory is { } directory)
            EngineLog.Opened(
                engine.Log, directory, options.Durability, engine.Partitions.Count, (long)environment.Time.GetElapsedTime(started).TotalMilliseconds);
        return engine;
    }

    private static OpenedStorage OpenStorage(BrokerEnvironment environment, EngineOptions options)
    {
        try
        {
            return options.Durability == Durability.Memory
                ? StartupRecovery.OpenInMemory(environment, options)
                : StartupRecovery.Open(environment, options);
        }
        catch (DamagedStorageException)
        {
            StorageMeter.RecordCorruption();
            throw;
        }
    }

    /// <summary>Ends the broker; a second call awaits the first.</summary>
    public ValueTask CloseAsync()
    {
        TaskCompletionSource closing;
        lock (_closeLock)
        {
            if (_closing is { } running)
                return new ValueTask(running);
            // Completed on the completions scheduler, which is where its continuations belong.
            closing = new TaskCompletionSource();
            _closing = closing.Task;
        }
        Environment.Completions.Schedule(
            static state =>
            {
                var (engine, done) = ((BrokerEngine, TaskCompletionSource))state!;
                try
                {
                    engine.Close();
                    done.SetResult();
                }
                catch (Exception exception)
                {
                    done.SetException(exception);
                }
            },
            (this, closing));
        return new ValueTask(closing.Task);
    }

    public void ThrowIfClosed()
    {
        if (_isClosed)
            throw Refusals.Closed();
    }

    public BatchDecompressor Decompressor() => new(Codecs.Find, ExpandedBatchBytesMax);

    public bool IsVisible(long lsn)
    {
        Journal.Drive();
        return Journal.VisibleLsn >= lsn;
    }

    /// <summary>Completed when the LSN is visible already; else the operation is completed when it is.</summary>
    public AppendStatus CompleteWhenVisible(AppendOperation operation, long lsn)
    {
        Journal.Drive();
        if (Journal.VisibleLsn >= lsn)
            return AppendStatus.Completed;
        // Read before the journal may complete the operation, which is pooled.
        var isRefusal = operation.Outcome.Error != ErrorCode.None;
        var waiter = AppendWaiter.Rent(operation, Environment.Completions);
        if (!Journal.IsVisibleOrWait(lsn, waiter))
            return isRefusal ? AppendStatus.PendingRefusal : AppendStatus.Pending;
        waiter.Return();
        return AppendStatus.Completed;
    }

    /// <summary>Completes the operation when the LSN is visible, never on this stack.</summary>
    public void CompleteLater(AppendOperation operation, long lsn)
    {
        var waiter = AppendWaiter.Rent(operation, Environment.Completions);
        if (Journal.IsVisibleOrWait(lsn, waiter))
            waiter.Complete(null);
    }

    /// <summary>What became of a transaction whose producer is refused at a partition: timed out, or fenced by whom.</summary>
    public BrokerException DescribeLostTransaction(string transactionalId, ProducerIdentity identity)
    {
        TransactionDecision decision;
        lock (State.Lock)
            decision = State.Transactions.DecideEnrol(transactionalId, identity, [new PartitionKey(-1, -1)], TransactionClient.InProcess(transactionalId), NowMs);
        return decision.IsRefused
            ? Refusals.Of(decision, transactionalId)
            : ErrorTable.ToException(ErrorCode.InvalidProducerEpoch, $"'{transactionalId}': producer {identity} is not the current one.");
    }

    public void MeetDeadlines()
    {
        var nowMs = NowMs;
        var timedOut = Transactions.AbortTimedOut(nowMs);
        Groups.FenceTimedOut(nowMs);
        Journal.Drive();
        if (timedOut > 0)
        {
            EngineLog.TransactionsTimedOut(Log, timedOut);
            TransactionEnded.Pulse();
        }
        GroupSessions.NotifyAll();
    }

    public void Checkpoint()
    {
        var checkpointer = _storage.Checkpointer!;
        foreach (var deleted in Topics.TakeDeleted())
            checkpointer.RemoveAfterNext(Directories.Of(Options.Directory!, deleted.Key, deleted.Topic));
        checkpointer.Run(Journal);
        Congestion.Release();
    }

    public void ApplyRetention(long nowMs)
    {
        foreach (var partition in Partitions.InOrder())
        {
            if (LogRetention.Apply(partition, nowMs) is not { } moved)
                continue;
            DropFiles(moved);
            EngineLog.Retained(Log, partition.Name, moved.LogStart);
        }
        Journal.Drive();
    }

    /// <summary>Brings the internal topics up to date.</summary>
    public void ProjectInternalTopics(long nowMs)
    {
        _internalTopics.Project(Environment.NextGuid, nowMs);
        Journal.Drive();
    }

    /// <summary>One of the internal topics is there, if only empty.</summary>
    public void EnsureInternalTopic(string name)
    {
        if (State.Topics.Find(name) is not null)
            return;
        _internalTopics.Ensure(name, Environment.NextGuid, NowMs);
        Journal.Drive();
    }

    /// <summary>Compacts the topics that want it; a checkpoint makes it count.</summary>
    public void CompactLogs(long nowMs)
    {
        var isAnyRewritten = false;
        foreach (var partition in Partitions.InOrder())
            if (!_isClosed)
                isAnyRewritten |= Compact(partition, nowMs);
        if (isAnyRewritten && _storage.Checkpointer is not null)
            Checkpoint();
    }

    // A damaged log is left as it is; the others are compacted all the same.
    private bool Compact(Partition partition, long nowMs)
    {
        try
        {
            return _compactor.Compact(partition, nowMs);
        }
        catch (DamagedStorageException exception)
        {
            StorageMeter.RecordCorruption();
            EngineLog.HousekeepingFailed(Log, exception);
            return false;
        }
    }

    public void DropFiles(in LogStartReply moved) => _storage.Checkpointer?.UnlinkAfterNext(moved.Dropped);

    /// <summary>Forgets producers, transactional ids and offsets that nobody has used for long.</summary>
    public void ExpireIdle(long nowMs)
    {
        foreach (var partition in Partitions.InOrder())
            partition.ExpireProducers(nowMs);
        Transactions.ExpireIds(LiveProducers.TransactionalIds(), nowMs);
        Groups.ExpireOffsets(nowMs);
        Journal.Drive();
    }

    public OffsetValue[] ToOffsetValues(IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets)
    {
        var values = new OffsetValue[offsets.Count];
        var i = 0;
        foreach (var (name, offset) in offsets)
        {
            var partition = Partitions.Find(name) ?? throw Refusals.UnknownPartition(name);
            values[i++] = new OffsetValue(partition.Key, offset.Offset, Metadata: offset.Metadata ?? "");
        }
        return values;
    }

    public TopicPartition[] ToNames(IEnumerable<PartitionKey> keys) =>
        [.. keys.Select(key => Partitions.Find(key)?.Name).OfType<TopicPartition>()];

    void IVisibilityListener.OnVisible(long visibleLsn)
    {
        Congestion.Release();
        if (Congestion.IsCheckpointDue)
            Housekeeping.Wake();
    }

    void IJournalListener.OnSynced(TimeSpan duration) => Meter.RecordSync(duration);

    void IJournalListener.OnFailed(StorageException cause)
    {
        EngineLog.JournalFailed(Log, cause);
        Environment.Completions.Schedule(static state => ((BrokerEngine)state!).WakeEverybody(), this);
    }

    /// <summary>A thread begins to work in the directory; the lock on it is held until it has called <see cref="LeaveStorage"/>.</summary>
    internal void EnterStorage() => Interlocked.Increment(ref _inStorage);

    /// <inheritdoc cref="EnterStorage"/>
    internal void LeaveStorage()
    {
        if (Interlocked.Decrement(ref _inStorage) == 0)
            Release();
    }

    private void Close()
    {
        _isClosed = true;
        var isAlone = Housekeeping.TryStop(Options.CloseTimeout);
        if (!isAlone)
            EngineLog.HousekeepingGoesOn(Log, Options.CloseTimeout);
        Deadlines.Dispose();
        try
        {
            if (Journal.Failure is null)
                CloseInOrder(isAlone);
        }
        catch (BrokerException exception)
        {
            EngineLog.CloseFailed(Log, exception);
        }
        finally
        {
            // Whatever went wrong: nobody waits for a closed broker, and the next one gets the directory.
            WakeEverybody();
            LeaveStorage();
        }
        EngineLog.Closed(Log);
    }

    private void CloseInOrder(bool isAlone)
    {
        Transactions.AbortAfterRestart(NowMs);
        if (_storage.Checkpointer is not null && isAlone)
            ProjectInternalTopics(NowMs);
        Journal.Drive();
        SyncWait.For(Journal, Journal.AppendedLsn);
        // Beside a checkpoint or a compaction that takes its time the last word is not this one's: the next opening recovers.
        if (isAlone)
            _storage.Checkpointer?.RunLast(Journal);
    }

    private void WakeEverybody()
    {
        foreach (var partition in Partitions.InOrder())
            partition.Readers.WakeNow();
        Congestion.Release();
        TransactionEnded.Pulse();
        GroupSessions.WakeAll();
        Groups.AbandonWaits();
    }

    private void Release()
    {
        Meter.Dispose();
        try
        {
            Journal.Stop(Options.CloseTimeout);
            Journal.Dispose();
        }
        catch (BrokerException exception)
        {
            EngineLog.CloseFailed(Log, exception);
            // Its thread is still at the disk, and may write when that answers again.
            if (Journal.Failure is null)
                return;
        }
        _storage.DirectoryLock?.Dispose();
    }
}
