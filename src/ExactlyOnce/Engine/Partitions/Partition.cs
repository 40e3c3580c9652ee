using System.IO.Pipelines;
using System.Runtime.InteropServices;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Threading;

namespace ExactlyOnce.Engine.Partitions;

/// <summary>
/// One partition at work: carries out what <see cref="PartitionState"/> decides. <see cref="Lock"/> owns the state, the log tail and the right to add marks;
/// readers take the published view and marks instead and no lock. Created when its topic is, or by recovery; retired when its topic is deleted.
///
/// A change is staged, then applied: staging puts bytes into the tail and pieces into a frame, the journal gives the frame its LSN, applying moves the state
/// and adds the mark, and only then is the frame linked. So no frame can become durable before its marks can be seen, and a frame over many partitions is
/// applied in all of them before any reader can see it in one.
/// </summary>
internal sealed class Partition : IPartitionViewSource
{
    /// <summary>Room in a frame for what travels beside a batch: headers, and an enrolment.</summary>
    private const int FrameBytesBeside = 4096;

    /// <summary>Producers forgotten in one frame: 8 KiB of it, and so long the lock is held.</summary>
    private const int ExpiredPerFrameMax = 1024;

    // Readers ask the rules' own index, which knows every aborted transaction that is not deleted; the view's is for those who have no rules at hand.
    private static readonly AbortedList s_noAborted = new();

    private JournalWriter? _journal;
    private PartitionView _view;
    private TopicOptions _options;
    private Staged _staged;
    private Staged _stagedMarker;
    private long _replayedLsn = -1;
    private readonly bool _isInternal;
    private bool _isRetired;

    public Partition(PartitionKey key, TopicPartition name, Guid topicId, TopicOptions options, PartitionSeed seed)
    {
        Key = key;
        Name = name;
        TopicId = topicId;
        _isInternal = InternalTopicNames.Contains(name.Topic);
        _options = options;
        State = seed.State;
        Tail = seed.Tail;
        LeaderEpoch = seed.LeaderEpoch;
        _view = new PartitionView(seed.Segments, seed.Tail.First, seed.TailOffset, State.LogStartOffset, s_noAborted, rewrites: 0);
        Marks = new MarkLog(MarkAt(seed.AppliedLsn));
        Readers = new WakeUp(this);
    }

    /// <summary>What the partition writes to, once recovery, which replays without one, has attached it.</summary>
    public JournalWriter Journal => _journal ?? throw new InvalidOperationException("The partition has not been attached to its journal.");

    public ShortLock Lock { get; } = new();

    /// <summary>Where readers of files read ahead; null where nothing happens in the background.</summary>
    public PipeScheduler? Background { get; init; }

    public PartitionKey Key { get; }

    public TopicPartition Name { get; }

    public Guid TopicId { get; }

    public int LeaderEpoch { get; }

    /// <summary>The rules' state. Only under <see cref="Lock"/>.</summary>
    public PartitionState State { get; }

    /// <summary>The log's newest part, in memory. Only under <see cref="Lock"/>.</summary>
    public LogTail Tail { get; }

    public MarkLog Marks { get; }

    /// <summary>Who sleeps until there is more.</summary>
    public WakeUp Readers { get; }

    /// <summary>Something is staged and waits for its LSN. Only under <see cref="Lock"/>.</summary>
    public bool HasStaged => _staged.Kind != StagedKind.Nothing || _stagedMarker.Kind != StagedKind.Nothing;

    /// <summary>LSN of the last frame applied here. Only under <see cref="Lock"/>.</summary>
    public long AppliedLsn => Marks.Newest.Lsn;

    /// <summary>Where the bytes are; replaced under <see cref="Lock"/>, read by anybody.</summary>
    public PartitionView View => Volatile.Read(ref _view);

    public TopicOptions Options => Volatile.Read(ref _options);

    public bool IsRetired => Volatile.Read(ref _isRetired);

    /// <summary>The partition as a reader at this moment may see it.</summary>
    public Mark VisibleMark
    {
        get
        {
            Mark mark;
            while (!Marks.TryAt(Journal.VisibleLsn, out mark))
            {
                // The writer has gone round the ring since the number was taken.
            }
            return mark;
        }
    }

    private bool StampsAppendTime => _options.TimestampType == TimestampType.LogAppendTime;

    /// <summary>Decides and, when the batch is accepted, appends it: one frame of its own.</summary>
    public AppendReceipt Append(in BatchHeader header, BatchBytes batch, AppendOrigin origin, long nowMs)
    {
        var journal = Journal;
        var isInMemory = journal.Durability == Durability.Memory;
        long baseOffset, appendTimeMs, lsn;
        using (Lock.Enter())
        {
            appendTimeMs = AppendTime(nowMs);
            if (Refuse(header, origin, nowMs) is var error && error != ErrorCode.None)
                return new AppendReceipt { Error = error };
            var decision = State.Decide(header, origin);
            if (!decision.IsAppend)
                return AppendVerdicts.ToReceipt(decision, appendTimeMs);
            baseOffset = State.LogEndOffset;
            lsn = isInMemory ? AppendInMemory(header, batch, decision, appendTimeMs != BatchHeader.NoTimestamp, nowMs) : AppendFrame(header, batch, nowMs);
        }
        if (!isInMemory)
            journal.Drive();
        Readers.WakeAt(lsn);
        return new AppendReceipt { Lsn = lsn, BaseOffset = baseOffset, LogAppendTimeMs = appendTimeMs };
    }

    /// <summary>Forgets producers that have been silent for too long, in as many frames as it takes; appends may come in between.</summary>
    public void ExpireProducers(long nowMs)
    {
        while (ExpireSome(nowMs))
        {
        }
    }

    private bool ExpireSome(long nowMs)
    {
        using (Lock.Enter())
        {
            var expired = State.DecideExpiry(nowMs, ExpiredPerFrameMax);
            if (expired.Count == 0 || _isRetired || Journal.Failure is not null)
                return false;
            var frame = Journal.RentFrame();
            frame.Begin(nowMs);
            StageExpiry(frame, expired);
            Enqueue(frame);
            return expired.Count == ExpiredPerFrameMax;
        }
    }

    /// <summary>What the rules say to a batch; nothing changes. Under <see cref="Lock"/>.</summary>
    public AppendReceipt Decide(in BatchHeader header, AppendOrigin origin, long nowMs) =>
        Refuse(header, origin, nowMs) is var error && error != ErrorCode.None
            ? new AppendReceipt { Error = error }
            : AppendVerdicts.ToReceipt(State.Decide(header, origin), AppendTime(nowMs));

    /// <summary>
    /// Puts an accepted batch into the tail and the frame; in memory there is none. Answers its base offset. Under <see cref="Lock"/>, after
    /// <see cref="Decide"/>.
    /// </summary>
    public long StageBatch(JournalFrame? frame, in BatchHeader header, BatchBytes batch, long nowMs)
    {
        var baseOffset = State.LogEndOffset;
        // The tail's chunks are searched, and let go, by the times their records will carry.
        var placed = AppendToTail(batch, baseOffset, LeaderEpoch, StampsAppendTime ? header with { MaxTimestamp = nowMs } : header, nowMs);
        var stagedHeader = header with { BaseOffset = baseOffset, LeaderEpoch = LeaderEpoch };
        if (StampsAppendTime)
            stagedHeader = Stamp(placed, nowMs);
        _staged = new Staged(StagedKind.Batch, stagedHeader, default, false, 0, nowMs);
        frame?.AddReference((byte)PieceOwner.Partition, Key, (byte)PartitionPiece.Batch, placed);
        return baseOffset;
    }

    /// <summary>
    /// Puts a transaction marker into the tail and the frame, behind a batch that was staged for the same frame; in memory there is none. Under
    /// <see cref="Lock"/>.
    /// </summary>
    public void StageMarker(JournalFrame? frame, ProducerIdentity producer, bool commit, int coordinatorEpoch, long nowMs)
    {
        var baseOffset = HasStaged ? _staged.Header.BaseOffset + _staged.Header.LastOffsetDelta + 1 : State.LogEndOffset;
        Span<byte> batch = stackalloc byte[ControlBatch.MarkerSize];
        var header = ControlBatch.WriteMarker(batch, new TransactionMarker(commit, producer, coordinatorEpoch, nowMs)) with { BaseOffset = baseOffset, LeaderEpoch = LeaderEpoch };
        var placed = AppendToTail(batch, header.BaseOffset, LeaderEpoch, header, nowMs);
        _stagedMarker = new Staged(StagedKind.Marker, header, producer, commit, coordinatorEpoch, nowMs);
        frame?.AddReference((byte)PieceOwner.Partition, Key, (byte)PartitionPiece.Batch, placed);
    }

    /// <summary>
    /// Records in the frame that a producer's transaction includes this partition before it wrote to it; at no epoch, that it takes nothing more in. Under
    /// <see cref="Lock"/>.
    /// </summary>
    public void StageEnrolment(JournalFrame? frame, ProducerIdentity producer, long nowMs)
    {
        _staged = new Staged(StagedKind.Enrolment, default, producer, false, 0, nowMs);
        frame?.Add((byte)PieceOwner.Partition, Key, (byte)PartitionPiece.Enrolment, PartitionPieces.Enrolment(producer));
    }

    /// <summary>Records in the frame that the log now begins at <paramref name="offset"/>. Under <see cref="Lock"/>.</summary>
    public void StageLogStart(JournalFrame frame, long offset)
    {
        _staged = new Staged(StagedKind.LogStart, new BatchHeader { BaseOffset = offset }, default, false, 0, 0);
        frame.Add((byte)PieceOwner.Partition, Key, (byte)PartitionPiece.LogStart, PartitionPieces.LogStart(offset));
    }

    /// <summary>Records in the frame that producers which have been silent for too long are forgotten. Under <see cref="Lock"/>.</summary>
    public void StageExpiry(JournalFrame frame, IReadOnlyList<long> producerIds)
    {
        _staged = new Staged(StagedKind.Expiry, default, default, false, 0, 0) { ProducerIds = producerIds };
        frame.Add((byte)PieceOwner.Partition, Key, (byte)PartitionPiece.Expiry, PartitionPieces.Expiry(producerIds));
    }

    /// <summary>
    /// Applies what was staged and adds the mark. Under <see cref="Lock"/> and the journal's queue lock, between taking the LSN and linking the frame.
    /// </summary>
    public void ApplyStaged(long lsn)
    {
        if (_staged.Kind != StagedKind.Nothing)
            _staged.ApplyTo(State, lsn);
        _staged = default;
        if (_stagedMarker.Kind != StagedKind.Nothing)
        {
            _stagedMarker.ApplyTo(State, lsn);
            Tail.References.EndTransaction(_stagedMarker.Producer.Id, _stagedMarker.IsCommit);
        }
        _stagedMarker = default;
        Marks.Add(MarkAt(lsn), _journal?.VisibleLsn ?? lsn);
    }

    /// <summary>
    /// Applies a piece of a replayed frame: the same change, from bytes. Only at recovery, before anybody else knows the partition. Answers the files that the
    /// change lets go of, as <see cref="MoveLogStart"/> does.
    /// </summary>
    public IReadOnlyList<SegmentFile> Replay(PartitionPiece piece, ReadOnlySpan<byte> payload, long lsn, long frameTimeMs)
    {
        _replayedLsn = lsn;
        var staged = PartitionPieces.Read(piece, payload, frameTimeMs);
        if (piece == PartitionPiece.Batch)
        {
            var header = staged.Header;
            if (header.BaseOffset != State.LogEndOffset)
                throw new InvalidDataException($"{Name}: a batch at offset {header.BaseOffset} follows offset {State.LogEndOffset - 1}.");
            AppendToTail(payload, header.BaseOffset, header.LeaderEpoch, header, frameTimeMs);
        }
        _staged = staged;
        ApplyStaged(lsn);
        // Readers go by the view: a start that only the state knew would show them what was deleted.
        return piece == PartitionPiece.LogStart ? BeginViewAt(State.LogStartOffset) : [];
    }

    /// <summary>
    /// True when the frame that ends at <paramref name="lsn"/> is here already: in the checkpoint, or replayed; not while its pieces are being replayed, of
    /// which there may be two.
    /// </summary>
    public bool Contains(long lsn) => lsn <= AppliedLsn && lsn != _replayedLsn;

    /// <summary>Replaces where the bytes are. Under <see cref="Lock"/>.</summary>
    public void Publish(LogSegment[] segments, long tailBegin, long logStart, bool isRewrite = false) => Volatile.Write(
        ref _view, new PartitionView(segments, Tail.First, tailBegin, logStart, s_noAborted, _view.Rewrites + (isRewrite ? 1 : 0)));

    /// <summary>The bytes that no segment file has, leased until they are written. Under <see cref="Lock"/>.</summary>
    public TailSlice CaptureUnflushed() => Tail.Capture(Math.Max(_view.TailBegin, Tail.FirstOffset), Tail.NextOffset);

    /// <summary>Puts back the batches that a checkpoint file carried because they were few. The state contains them already. Only at recovery.</summary>
    public void RestoreTail(ReadOnlySpan<byte> batches, long nowMs)
    {
        var sequence = new BatchSequence(batches);
        while (sequence.MoveNext())
        {
            if (sequence.Current.BaseOffset != Tail.NextOffset)
                throw new InvalidDataException($"{Name}: a batch at offset {sequence.Current.BaseOffset} follows offset {Tail.NextOffset - 1}.");
            AppendToTail(sequence.Batch, sequence.Current.BaseOffset, sequence.Current.LeaderEpoch, sequence.Current, nowMs);
        }
        if (Tail.NextOffset != State.LogEndOffset)
            throw new InvalidDataException($"{Name}: the batches end at offset {Tail.NextOffset}, the log at {State.LogEndOffset}.");
    }

    /// <summary>
    /// Begins the log at <paramref name="offset"/>: a frame of its own. Answers its LSN, or the newest one when the log begins there or later already; where
    /// the log then begins; and the sealed files that lie wholly in front of it, which may go once a checkpoint without them stands. In memory the chunks go at
    /// once.
    /// </summary>
    public long MoveLogStart(long offset, long nowMs, out long logStart, out IReadOnlyList<SegmentFile> dropped)
    {
        dropped = [];
        long lsn;
        using (Lock.Enter())
        {
            logStart = State.LogStartOffset;
            if (_isRetired || offset <= logStart)
                return AppliedLsn;
            logStart = offset;
            var frame = Journal.RentFrame();
            frame.Begin(nowMs);
            StageLogStart(frame, offset);
            lsn = Enqueue(frame);
            dropped = BeginViewAt(offset);
        }
        Readers.WakeNow();
        return lsn;
    }

    private List<SegmentFile> BeginViewAt(long offset)
    {
        var dropped = new List<SegmentFile>();
        var kept = new List<LogSegment>(_view.Segments.Length);
        foreach (var segment in _view.Segments)
        {
            // Never the open one: the checkpoint may be writing to it, and what it writes may lie behind the new start.
            if (segment.NextOffset <= offset && segment.Description.IsSealed)
                dropped.Add(segment.File);
            else
                kept.Add(segment);
        }
        // On disk the tail is the checkpoint's to trim: it may be writing it.
        if (_journal?.Durability == Durability.Memory)
            Tail.TrimTo(offset);
        Publish([.. kept], Math.Max(_view.TailBegin, Math.Min(Tail.FirstOffset, offset)), offset);
        return dropped;
    }

    /// <summary>The journal that the partition writes to from now on; recovery replays without one.</summary>
    public void Attach(JournalWriter journal) => _journal = journal;

    public void Configure(TopicOptions options) => Volatile.Write(ref _options, options);

    /// <summary>The topic is deleted: refuse appends from now on, and let sleeping readers find out. Under <see cref="Lock"/>.</summary>
    public void Retire() => Volatile.Write(ref _isRetired, true);

    /// <summary>A first chunk must be in the view before any offset in it is published.</summary>
    private ReadOnlyMemory<byte> AppendToTail(BatchBytes batch, long baseOffset, int leaderEpoch, in BatchHeader header, long nowMs)
    {
        var first = Tail.First;
        var placed = Tail.Append(batch, baseOffset, leaderEpoch, header, nowMs);
        if (!ReferenceEquals(first, Tail.First))
            Publish(_view.Segments.ToArray(), _view.TailBegin, _view.LogStart);
        return placed;
    }

    private long AppendFrame(in BatchHeader header, BatchBytes batch, long nowMs)
    {
        var frame = Journal.RentFrame();
        frame.Begin(nowMs);
        StageBatch(frame, header, batch, nowMs);
        return Enqueue(frame);
    }

    /// <summary>
    /// The same without a frame, since nothing is ever replayed, and without staging, since nothing comes between the decision and its application.
    /// </summary>
    private long AppendInMemory(in BatchHeader header, BatchBytes batch, in AppendDecision decision, bool stamps, long nowMs)
    {
        var lsn = stamps ? AppendStamped(header, batch, decision, nowMs) : AppendAsItIs(header, batch, decision, nowMs);
        TrimMemory(nowMs);
        return lsn;
    }

    private long AppendAsItIs(in BatchHeader header, BatchBytes batch, in AppendDecision decision, long nowMs)
    {
        AppendToTail(batch, State.LogEndOffset, LeaderEpoch, header, nowMs);
        return ShowBatch(header, decision, nowMs);
    }

    private long AppendStamped(in BatchHeader header, BatchBytes batch, in AppendDecision decision, long nowMs)
    {
        var placed = AppendToTail(batch, State.LogEndOffset, LeaderEpoch, header with { MaxTimestamp = nowMs }, nowMs);
        return ShowBatch(Stamp(placed, nowMs), decision, nowMs);
    }

    private long ShowBatch(in BatchHeader header, in AppendDecision decision, long nowMs)
    {
        using (Journal.QueueLock.Enter())
        {
            var lsn = Journal.ReserveInMemory(header.SizeInBytes);
            State.Apply(header, decision, State.LogEndOffset, nowMs, lsn);
            Marks.Add(MarkAt(lsn), Journal.VisibleLsn);
            Journal.ShowInMemory(lsn);
            return lsn;
        }
    }

    /// <summary>
    /// A log in memory keeps to its size while it is written, and not only at the next housekeeping: whole chunks in front go once what is left is enough,
    /// never data of an open transaction. Under <see cref="Lock"/>; on disk nothing happens.
    /// </summary>
    public void TrimMemory(long nowMs)
    {
        var options = _options;
        if (Journal.Durability != Durability.Memory || options.RetainBytes < 0 || Tail.SizeInBytes - options.RetainBytes < ChunkPool.LargestBytes || (options.Cleanup & CleanupPolicy.Delete) == 0 ||
            Tail.First?.Next is not { } next || next.BaseOffset > State.LastStableOffset || next.BaseOffset <= State.LogStartOffset)
            return;
        _staged = new Staged(StagedKind.LogStart, new BatchHeader { BaseOffset = next.BaseOffset }, default, false, 0, nowMs);
        using (Journal.QueueLock.Enter())
        {
            var lsn = Journal.ReserveInMemory(sizeof(long));
            ApplyStaged(lsn);
            Journal.ShowInMemory(lsn);
        }
        BeginViewAt(next.BaseOffset);
    }

    private Mark MarkAt(long lsn) => new(lsn, State.LogStartOffset, State.LogEndOffset, State.LastStableOffset);

    /// <summary>Gives the frame its LSN, applies what was staged, and only then lets the journal see it.</summary>
    private long Enqueue(JournalFrame frame)
    {
        using (Journal.QueueLock.Enter())
        {
            var lsn = Journal.Reserve(frame);
            ApplyStaged(lsn);
            Journal.Link(frame);
            return lsn;
        }
    }

    private ErrorCode Refuse(in BatchHeader header, AppendOrigin origin, long nowMs)
    {
        if (_isRetired)
            return ErrorCode.UnknownTopicOrPartition;
        if (_isInternal && origin != AppendOrigin.Coordinator)
            return ErrorCode.InvalidTopic;
        if (Journal.Failure is not null)
            return ErrorCode.StorageFailure;
        // A frame never spans journal files; what it may hold is refused here, where nothing has changed yet.
        if (header.SizeInBytes > Math.Min(_options.MaxMessageBytes, Journal.FrameBytesMax - FrameBytesBeside))
            return ErrorCode.MessageTooLarge;
        return !StampsAppendTime && IsTooFarAhead(header, _options, nowMs) ? ErrorCode.InvalidTimestamp : ErrorCode.None;
    }

    private long AppendTime(long nowMs) => StampsAppendTime ? nowMs : BatchHeader.NoTimestamp;

    /// <summary>The copy in the tail is ours alone until its mark is visible.</summary>
    private static BatchHeader Stamp(ReadOnlyMemory<byte> placed, long nowMs) => BatchTimestamps.StampAppendTime(MemoryMarshal.AsMemory(placed).Span, nowMs);

    private static bool IsTooFarAhead(in BatchHeader header, TopicOptions options, long nowMs) =>
        header.MaxTimestamp > nowMs && options.TimestampMaxAhead != TopicOptions.Forever && header.MaxTimestamp - nowMs > options.TimestampMaxAhead.TotalMilliseconds;
}
