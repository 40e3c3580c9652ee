using System.Buffers;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>
/// Puts one decision of the coordination, with whatever it changes in partitions, into one journal frame: the reason why a commit is all or nothing. One
/// instance, used under the coordination lock: <see cref="Open"/>, add records and enter partitions in ascending order, <see cref="Close"/>.
/// <para>
/// Errors: records are applied as they are added, so an exception in between means that memory and journal have parted: the journal is failed for good, and no
/// partition stays locked. Whoever composes holds a <see cref="Guard"/> for that. Whether a frame has room for what is to come is asked before it is opened
/// (<see cref="HasRoomFor"/>).
/// </para>
/// </summary>
internal sealed class FrameComposer(CoordinationState state, JournalWriter journal)
{
    /// <summary>A frame of this size has fewer pieces than a frame may have, whatever they are.</summary>
    private const int BrokenFrameBytes = 256 << 10;

    private readonly ArrayBufferWriter<byte> _payload = new();
    private readonly List<Partition> _entered = [];
    private readonly bool _isInMemory = journal.Durability == Durability.Memory;
    private JournalFrame? _frame;
    private bool _isOpen;

    /// <summary>Records that always have room in a frame, whatever they are.</summary>
    public const int ManyRecords = 256;

    /// <summary>Room for what travels beside what is counted: headers and a record or two.</summary>
    private const int BytesBeside = 4096;

    public long NowMs { get; private set; }

    /// <summary>The partitions whose locks the frame holds, in lock order.</summary>
    public List<Partition> Entered => _entered;

    /// <summary>The frame that is open. Null in memory: what nobody replays is applied and leaves no bytes.</summary>
    public JournalFrame? Frame => _isOpen ? _frame : throw new InvalidOperationException("No frame is open.");

    /// <summary>Whether one frame can hold this much; a frame never spans journal files.</summary>
    public bool HasRoomFor(long payloadBytes, int pieces) =>
        pieces <= JournalFrame.PiecesMax - 16 && payloadBytes + (pieces * (long)JournalFormat.PieceHeaderBytes) + BytesBeside <= journal.FrameBytesMax;

    /// <summary>
    /// Held under the coordination lock while frames are composed: a frame that is still open when it is disposed of was left by an exception.
    /// </summary>
    public Guarded Guard() => new(this);

    public void Open(long nowMs)
    {
        if (_isOpen)
            throw new InvalidOperationException("A frame is open already.");
        NowMs = nowMs;
        _isOpen = true;
        if (_isInMemory)
            return;
        _frame = journal.RentFrame();
        _frame.Begin(nowMs);
    }

    public void Add(TransactionRecord record)
    {
        if (Frame is { } frame)
        {
            TransactionRecordCodec.Write(record, Payload());
            AddPiece(frame, CoordinationPiece.Transaction);
        }
        state.Apply(record);
    }

    public void Add(GroupRecord record)
    {
        if (Frame is { } frame && record.IsDurable)
        {
            GroupRecordCodec.Write(record, Payload());
            AddPiece(frame, CoordinationPiece.Group);
        }
        state.Apply(record);
    }

    public void Add(TopicRecord record)
    {
        if (Frame is { } frame)
        {
            record.Write(Payload());
            AddPiece(frame, CoordinationPiece.Topic);
        }
        state.Apply(record);
    }

    public void Add(MessageIdRecord record)
    {
        if (Frame is { } frame)
        {
            record.Write(Payload());
            AddPiece(frame, CoordinationPiece.MessageIds);
        }
        state.Apply(record);
    }

    /// <summary>Takes the partition's lock until <see cref="Close"/>; the caller then stages at most one change in it, and a marker behind that.</summary>
    public void Enter(Partition partition)
    {
        if (_entered.Count > 0 && _entered[^1].Key.CompareTo(partition.Key) >= 0)
            throw new InvalidOperationException($"Partition {partition.Name} is entered out of order.");
        partition.Lock.EnterUnscoped();
        _entered.Add(partition);
    }

    /// <summary>Hands the frame to the journal, applies what was staged in the partitions, leaves them and wakes their readers. Answers the LSN.</summary>
    public long Close()
    {
        var frame = Frame;
        long lsn;
        using (journal.QueueLock.Enter())
        {
            // LSNs count bytes; in memory only their order matters.
            lsn = frame is null ? journal.ReserveInMemory(bytes: 1) : journal.Reserve(frame);
            foreach (var partition in _entered)
                if (partition.HasStaged)
                    partition.ApplyStaged(lsn);
            state.AppliedLsn = lsn;
            if (frame is null)
                journal.ShowInMemory(lsn);
            else
                journal.Link(frame);
        }
        _frame = null;
        foreach (var partition in _entered)
            partition.TrimMemory(NowMs);
        Leave();
        _isOpen = false;
        foreach (var partition in _entered)
            partition.Readers.WakeAt(lsn);
        _entered.Clear();
        return lsn;
    }

    /// <summary>
    /// Goes on in another frame when this one is large: between records of which each stands for itself, as those of an expiry, so that a frame has room for
    /// any number of them.
    /// </summary>
    public void BreakWhenLarge()
    {
        if (Frame is not { } frame || frame.Length < Math.Min(journal.FrameBytesMax / 2, BrokenFrameBytes))
            return;
        Close();
        Open(NowMs);
    }

    /// <summary>Gives an opened frame up. Only before anything was added or staged.</summary>
    public void Abandon()
    {
        if (_frame is { } frame)
            journal.Return(frame);
        _frame = null;
        _isOpen = false;
        Leave();
        _entered.Clear();
    }

    /// <summary>Memory has moved and the journal has not: nothing may be acknowledged any more.</summary>
    public void Fail(Exception? cause)
    {
        journal.Fail(new StorageException("A change could not be journaled; the broker stops writing. Reopen it.", cause));
        _frame = null;
        _isOpen = false;
        Leave();
        _entered.Clear();
    }

    private void FailIfOpen()
    {
        if (_isOpen)
            Fail(cause: null);
    }

    private void Leave()
    {
        foreach (var partition in _entered)
            partition.Lock.Exit();
    }

    private ArrayBufferWriter<byte> Payload()
    {
        _payload.ResetWrittenCount();
        return _payload;
    }

    private void AddPiece(JournalFrame frame, CoordinationPiece kind) => frame.Add((byte)PieceOwner.Coordination, default, (byte)kind, _payload.WrittenSpan);

    /// <summary>Fails the journal when the frame that was composed under it was neither closed nor given up.</summary>
    internal readonly ref struct Guarded(FrameComposer composer) : IDisposable
    {
        public void Dispose() => composer.FailIfOpen();
    }
}
