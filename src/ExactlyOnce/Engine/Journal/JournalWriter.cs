using System.Diagnostics;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Environment;
using ExactlyOnce.Threading;

namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// The journal of a running broker: the one truth about durability. Frames are queued under <see cref="QueueLock"/>, which gives each its LSN: the position of
/// its end in the journal, counting the bytes of frames and nothing else. A stepper (Gather, Write, Sync, Publish) writes what is queued as one group, one
/// group at a time; what queues up meanwhile is the next. Owned by the broker: constructed after recovery's checkpoint, driven by a thread of its own or by
/// whoever enqueues, disposed after the last checkpoint.
/// <para>
/// How to enqueue, holding the locks of all owners concerned:
/// <code>
/// using (journal.QueueLock.Enter())
/// {
///     var lsn = journal.Reserve(frame);
///     … release-store the marks of each touched partition …
///     journal.Link(frame);
/// }
/// … leave every lock …
/// journal.Drive();
/// </code>
/// No frame can become durable before its marks can be seen, because the stepper sees only what is linked.
/// </para>
/// <para>
/// Errors: any exception of a write, a sync or a roll freezes the visible LSN for ever; <see cref="Failure"/> keeps the cause, waiters get it, and nothing is
/// tried again, because after a failed sync the kernel calls the lost pages clean. <see cref="Reserve"/> and <see cref="Link"/> still answer then, so that
/// code between Decide and Apply needs no way back: such a frame is dropped and its waiter fails. Deciding code calls <see cref="ThrowIfFailed"/> first.
/// </para>
/// </summary>
internal sealed class JournalWriter : IDisposable
{
    public const string ThreadName = "ExactlyOnce journal";

    private readonly BrokerEnvironment _environment;
    private readonly JournalOptions _options;
    private readonly bool _isSteppedElsewhere;
    private readonly Visibility _visibility;
    private readonly JournalFramePool _frames = new();
    private readonly JournalFiles? _files;
    private readonly JournalAppender? _appender;

    // Under QueueLock.
    private JournalFrame? _head;
    private JournalFrame? _tail;
    private JournalFrame? _reserved;
    private long _appendedLsn;

    // The stepper's own.
    private readonly JournalGroup _group = new();
    private JournalStep _last = JournalStep.Published;
    private JournalFrame? _backlog;
    private long _gatheredLsn;
    private long _vouchedLsn;

    // Between the stepper and the timer that syncs behind it.
    private readonly Lock _syncLock = new();
    private long _writtenLsn;
    private long _syncedLsn;
    private bool _isUnsynced;
    private StorageException? _syncFailure;

    private readonly ThreadParking _parking;
    private int _isStepping;
    private volatile bool _vouchWanted;
    private volatile bool _isStopping;
    private bool _hasThread;

    /// <summary>
    /// A journal that goes on behind the checkpoint of <paramref name="manifests"/>. It never appends to an old file: recovery has made everything it replayed
    /// durable by a checkpoint that lists no journal file any more, and the first group begins a new generation.
    /// </summary>
    public JournalWriter(BrokerEnvironment environment, JournalOptions options, ManifestStore manifests)
        : this(environment, options, manifests.Current.CheckpointLsn)
    {
        if (options.Durability == Durability.Memory)
            throw new ArgumentException("A journal in memory has no manifest.", nameof(options));
        if (!manifests.Current.JournalFiles.IsEmpty)
            throw new InvalidOperationException("What was replayed is not durable: checkpoint it, with a manifest without journal files, before the journal goes on.");
        options.AssertValid();
        _files = new JournalFiles(environment, manifests, options.SpareFilesMax);
        _appender = new JournalAppender(_files, options);
    }

    private JournalWriter(BrokerEnvironment environment, JournalOptions options, long baseLsn)
    {
        _environment = environment;
        _options = options;
        _isSteppedElsewhere = environment.IsJournalStepped;
        _visibility = new Visibility(baseLsn, environment.Completions);
        _parking = new ThreadParking(() => HasWork || _isStopping);
        _appendedLsn = _gatheredLsn = _vouchedLsn = _writtenLsn = _syncedLsn = baseLsn;
    }

    /// <summary>A journal without files: what is linked is visible.</summary>
    public static JournalWriter InMemory(BrokerEnvironment environment, JournalOptions? options = null) =>
        new(environment, (options ?? new JournalOptions()) with { Durability = Durability.Memory }, baseLsn: 0);

    /// <summary>The last lock in the order of locks.</summary>
    public ShortLock QueueLock { get; } = new();

    public Durability Durability => _options.Durability;

    /// <summary>Everything up to here has happened, for every reader: the number a poll takes once.</summary>
    public long VisibleLsn => _visibility.Lsn;

    /// <summary>Everything up to here survives a power cut; a checkpoint contains nothing beyond.</summary>
    public long SyncedLsn => Durability == Durability.Memory ? VisibleLsn : Volatile.Read(ref _syncedLsn);

    /// <summary>End of the last frame that was given an LSN.</summary>
    public long AppendedLsn => Volatile.Read(ref _appendedLsn);

    /// <summary>
    /// Bytes that wait for the disk. LSNs are byte positions, so a producer stalls by waiting for visibility of <see cref="AppendedLsn"/> minus
    /// <see cref="QueueBytesHard"/>, before it takes any lock.
    /// </summary>
    public long QueuedBytes => AppendedLsn - VisibleLsn;

    public long QueueBytesSoft => _options.QueueBytesSoft;

    public long QueueBytesHard => _options.QueueBytesHard;

    public long FrameBytesMax => _options.FrameBytesMax;

    /// <summary>Why nothing becomes visible any more; null while the journal is well.</summary>
    public StorageException? Failure => _visibility.Failure;

    /// <summary>Told after each publish, and once of a failure. Set before <see cref="Start"/>.</summary>
    public IJournalListener? Listener { get; set; }

    public void ThrowIfFailed()
    {
        if (Failure is { } failure)
            throw new StorageException(failure.Message, failure, failure.Code);
    }

    /// <summary>An empty frame; given back by <see cref="Link"/>, in time, or <see cref="Return"/>.</summary>
    public JournalFrame RentFrame() => _frames.Rent();

    /// <summary>Gives back a frame that was not linked.</summary>
    public void Return(JournalFrame frame) => _frames.Return(frame);

    /// <summary>
    /// The frame's LSN. The caller holds <see cref="QueueLock"/> until it has linked the frame; in between it publishes marks and does nothing that throws.
    /// </summary>
    public long Reserve(JournalFrame frame)
    {
        Debug.Assert(QueueLock.IsHeldByCurrentThread, "LSNs are given under the queue lock.");
        if (_reserved is not null)
            throw new InvalidOperationException("The frame reserved before was not linked.");
        if (frame.Length > FrameBytesMax)
            throw new InvalidOperationException($"A frame of {frame.Length} bytes is larger than {FrameBytesMax}; what is enrolled must be limited before.");
        frame.Seal();
        _reserved = frame;
        frame.Lsn = _appendedLsn + frame.Length;
        Volatile.Write(ref _appendedLsn, frame.Lsn);
        return frame.Lsn;
    }

    /// <summary>Hands the reserved frame to the stepper. In memory it is visible from here on.</summary>
    public void Link(JournalFrame frame)
    {
        Debug.Assert(QueueLock.IsHeldByCurrentThread && _reserved == frame, "What was reserved is linked, under the queue lock.");
        _reserved = null;
        if (_tail is null)
            Volatile.Write(ref _head, frame);
        else
            _tail.Next = frame;
        _tail = frame;
        if (Durability == Durability.Memory)
            _visibility.Store(frame.Lsn);
    }

    /// <summary>
    /// In memory, for a change that nobody replays: takes its LSN without a frame. The caller holds <see cref="QueueLock"/> until <see cref="ShowInMemory"/>,
    /// and publishes its marks in between, as with a frame.
    /// </summary>
    public long ReserveInMemory(int bytes)
    {
        Debug.Assert(Durability == Durability.Memory && QueueLock.IsHeldByCurrentThread, "Only memory does without frames.");
        var lsn = _appendedLsn + bytes;
        Volatile.Write(ref _appendedLsn, lsn);
        return lsn;
    }

    /// <summary>Makes visible what <see cref="ReserveInMemory"/> counted.</summary>
    public void ShowInMemory(long lsn) => _visibility.Store(lsn);

    /// <summary>
    /// After enqueuing and leaving every lock: wakes the journal's thread, or writes what is queued when it has none. When another caller is stepping already,
    /// that one takes our frames along, and this returns before they are visible.
    /// </summary>
    public void Drive()
    {
        // Whoever linked a frame sees it here, or sees that a stepper has taken it. In memory most changes have none, and pay nothing.
        if (!HasWork)
            return;
        // The frame must be seen by whoever looks at the queue after we found nobody parked or stepping.
        Interlocked.MemoryBarrier();
        if (_hasThread)
        {
            _parking.Wake();
            return;
        }
        if (!_isSteppedElsewhere)
            DriveToEnd();
    }

    /// <summary>The same for who cannot go on before it is done: without a thread what is queued is written here and now.</summary>
    public void DriveToEnd()
    {
        if (_hasThread)
        {
            Drive();
            return;
        }
        while ((HasWork || IsUnderWay) && Interlocked.CompareExchange(ref _isStepping, 1, 0) == 0)
        {
            while (Step() != JournalStep.Idle)
            {
            }
            Interlocked.Exchange(ref _isStepping, 0);
        }
    }

    /// <summary>
    /// True when <paramref name="lsn"/> is visible already; else the waiter is completed when it is, or with the cause when the journal has failed.
    /// </summary>
    public bool IsVisibleOrWait(long lsn, IVisibilityWaiter waiter) => _visibility.IsVisibleOrWait(lsn, waiter);

    /// <summary>Starts the journal's thread, if the environment has threads and there are files to write.</summary>
    public void Start()
    {
        if (!_environment.IsThreaded || _appender is null)
            return;
        _hasThread = true;
        _environment.StartThread(ThreadName, Run);
    }

    /// <summary>One step; the caller is the only stepper. The simulator makes each an event of its own.</summary>
    public JournalStep Step()
    {
        try
        {
            return _last = _last switch
            {
                JournalStep.Gathered when _appender is not null => Write(),
                JournalStep.Written when Durability == Durability.Flushed => SyncGroup(),
                JournalStep.Gathered or JournalStep.Written or JournalStep.Synced => Publish(),
                _ => Gather(),
            };
        }
        catch (Exception exception)
        {
            Fail(DiskError.From(exception, "journal step", ThreadName));
            _frames.Return(_group.Release());
            return _last = JournalStep.Failed;
        }
    }

    /// <summary>
    /// Written: makes durable what was written so far; called by a timer and before a checkpoint. Everything in front of the current file was synced when it
    /// was rolled. Does nothing in the other modes.
    /// </summary>
    public void SyncBehind()
    {
        if (Durability != Durability.Written || Failure is not null)
            return;
        try
        {
            TellSynced(SyncWritten());
        }
        catch (Exception exception)
        {
            Fail(DiskError.From(exception, "sync", ThreadName));
        }
    }

    /// <summary>
    /// When nothing is queued and the newest group on disk does not say that it was synced, writes an empty one that does: damage to an acknowledged group is
    /// then told from a torn tail. Called by a timer.
    /// </summary>
    public void VouchIfIdle()
    {
        if (_appender is null || Failure is not null)
            return;
        _vouchWanted = true;
        Drive();
    }

    /// <summary>After a checkpoint's manifest is durable: reuses or deletes the journal files it no longer lists.</summary>
    public void Recycle() => _files?.Recycle();

    /// <summary>Writes what is queued, ends the thread, syncs, closes the file. Nothing is enqueued any more.</summary>
    public void Stop(TimeSpan timeout)
    {
        _isStopping = true;
        if (_hasThread)
        {
            Interlocked.MemoryBarrier();
            _parking.Wake();
            if (!_environment.JoinThread(ThreadName, timeout))
                throw new StorageException("The journal did not finish in time: the disk does not answer.");
        }
        else
        {
            DriveToEnd();
        }
        SyncBehind();
        lock (_syncLock)
            _appender?.Dispose();
    }

    public void Dispose() => _parking.Dispose();

    /// <summary>A group was gathered and is not published yet; without a thread of its own the journal may stand between two steps.</summary>
    private bool IsUnderWay => _last is JournalStep.Gathered or JournalStep.Written or JournalStep.Synced;

    private bool HasWork => Volatile.Read(ref _head) is not null || _backlog is not null || _vouchWanted;

    private JournalStep Gather()
    {
        if (_backlog is null)
        {
            using (QueueLock.Enter())
            {
                _backlog = _head;
                _tail = null;
                Volatile.Write(ref _head, null);
            }
        }
        var isVouchDue = TakeVouch();
        if (Failure is not null)
            DropBacklog();
        if (_backlog is null && !isVouchDue)
            return JournalStep.Idle;
        _group.Begin(_gatheredLsn);
        if (_backlog is not null)
            _backlog = _group.Take(_backlog, GroupPayloadMax());
        _gatheredLsn = _group.EndLsn;
        return JournalStep.Gathered;
    }

    private bool TakeVouch()
    {
        if (!_vouchWanted)
            return false;
        _vouchWanted = false;
        return Failure is null && _vouchedLsn < SyncedLsn;
    }

    /// <summary>Fills the current file up rather than leave its end unused, unless not even one frame fits.</summary>
    private long GroupPayloadMax()
    {
        var room = _appender?.Room ?? long.MaxValue;
        return Math.Min(room < _backlog!.Length ? _appender!.RoomOfNewFile : room, _options.GroupBytesMax);
    }

    private JournalStep Write()
    {
        if (_group.PayloadBytes > _appender!.Room)
            Roll();
        var synced = SyncedLsn;
        _appender.Append(_group, synced);
        _vouchedLsn = synced;
        Volatile.Write(ref _isUnsynced, true);
        Volatile.Write(ref _writtenLsn, _group.EndLsn);
        return JournalStep.Written;
    }

    /// <summary>The old file is synced to its end before the next one is listed, and under the lock, because the timer may be syncing it.</summary>
    private void Roll()
    {
        TimeSpan? duration;
        lock (_syncLock)
        {
            duration = SyncWritten();
            _appender!.Roll(_group.BaseLsn);
        }
        TellSynced(duration);
    }

    private JournalStep SyncGroup()
    {
        TellSynced(SyncWritten());
        return JournalStep.Synced;
    }

    /// <summary>
    /// Under the sync lock: of two syncs at once the kernel tells only one of a lost page, so nobody may take the other's success for his own.
    /// The flag is lowered first: a group written during the sync raises it again. Answers how long the disk took; null when there was nothing to sync.
    /// </summary>
    private TimeSpan? SyncWritten()
    {
        lock (_syncLock)
        {
            ThrowIfFailed();
            if (_syncFailure is not null)
                throw _syncFailure;
            if (!Volatile.Read(ref _isUnsynced))
                return null;
            Volatile.Write(ref _isUnsynced, false);
            Interlocked.MemoryBarrier();
            var written = Volatile.Read(ref _writtenLsn);
            var started = _environment.Time.GetTimestamp();
            SyncOnce();
            Volatile.Write(ref _syncedLsn, written);
            return _environment.Time.GetElapsedTime(started);
        }
    }

    private void TellSynced(TimeSpan? duration)
    {
        if (duration is { } took)
            Listener?.OnSynced(took);
    }

    /// <summary>The failure is kept before the lock is left: the next one to enter must not find everything synced.</summary>
    private void SyncOnce()
    {
        try
        {
            _appender!.Sync();
        }
        catch (Exception exception)
        {
            _syncFailure = DiskError.From(exception, "sync", ThreadName);
            throw _syncFailure;
        }
    }

    private JournalStep Publish()
    {
        var isVisible = _appender is null || _visibility.TryAdvance(_group.EndLsn);
        if (_appender is null)
            Interlocked.MemoryBarrier();
        if (isVisible)
            Tell(VisibleLsn);
        _frames.Return(_group.Release());
        return JournalStep.Published;
    }

    private void Tell(long visibleLsn)
    {
        for (var frame = _group.First; frame is not null; frame = frame.Next)
        {
            var touched = frame.Touched;
            for (var index = 0; index < touched.Count; index++)
                touched[index].OnVisible(visibleLsn);
        }
        Listener?.OnVisible(visibleLsn);
    }

    /// <summary>Freezes the visible LSN for ever: memory and journal have parted.</summary>
    public void Fail(StorageException cause)
    {
        if (_visibility.TryFreeze(cause))
            Listener?.OnFailed(cause);
    }

    private void DropBacklog()
    {
        _frames.Return(_backlog);
        _backlog = null;
    }

    private void Run()
    {
        while (true)
        {
            if (_options.CommitDelay > TimeSpan.Zero && HasWork && !_isStopping)
                _parking.Pause(_options.CommitDelay);
            while (Step() != JournalStep.Idle)
            {
            }
            if (_isStopping)
                return;
            _parking.SpinOrPark();
        }
    }
}
