using ExactlyOnce.Threading;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The source sequence of a named producer, and how its batches are sent: all open ones of all partitions together, with the last sequence accepted, as one
/// atomic append. After a crash the remembered sequence is therefore exact: what is at or below it is in the log, what is above it is not, whichever partition
/// it went to.
/// Guarded by the one lock that the producer's partitions share.
/// </summary>
internal sealed class NamedSource(BrokerBackend backend, ProducerSession session)
{
    /// <summary>What a batch may take beside its records: its header, and room in the step for where it belongs.</summary>
    private const int BytesBesideBatch = 128;

    private readonly List<PartitionAccumulator> _members = [];
    private long _lastAccepted = session.LastSourceSequence;
    private long _lastAcknowledged = session.LastSourceSequence;
    private long _openBytes;

    public ShortLock Guard { get; } = new();

    /// <summary>The last sequence known to be durable; −1 for none. Read without the lock.</summary>
    public long LastAcknowledged => Volatile.Read(ref _lastAcknowledged);

    public void Add(PartitionAccumulator partition)
    {
        using (Guard.Enter())
            _members.Add(partition);
    }

    /// <summary>False when the sequence is not above the last one accepted. The lock is held.</summary>
    public bool IsNew(long sequence) => sequence > _lastAccepted;

    /// <summary>
    /// False when the open batches must be sent before this record: all that is open goes out in one step, and a step has its limit. The lock is held.
    /// </summary>
    public bool HasRoomFor(in EncodedRecord record) =>
        _openBytes == 0 || _openBytes + record.SizeBytesMax + ((long)_members.Count * BytesBesideBatch) <= backend.NamedAppendBytesMax;

    /// <summary>
    /// The record is in an open batch: the sequence moves on. Not earlier, because a step that goes out to make room for the record must not say that it holds
    /// it: a crash behind that step would lose the record. The lock is held.
    /// </summary>
    public void Accept(in EncodedRecord record)
    {
        _openBytes += record.SizeBytesMax;
        _lastAccepted = record.SourceSequence;
    }

    /// <summary>A batch that carried the sequences up to this one is durable.</summary>
    public void Acknowledge(long sequence)
    {
        var known = Volatile.Read(ref _lastAcknowledged);
        while (sequence > known)
        {
            var seen = Interlocked.CompareExchange(ref _lastAcknowledged, sequence, known);
            if (seen == known)
                return;
            known = seen;
        }
    }

    /// <summary>Sends every open batch of the producer. Answers the chain of those answered at once. The lock is held.</summary>
    public BatchOperation? SealAllWithLock(RecordAccumulator accumulator)
    {
        var closing = Close();
        var finished = closing.Count == 0 ? null : Append(accumulator, closing);
        foreach (var member in _members)
            member.ReleaseWriter();
        return finished;
    }

    private List<Closing> Close()
    {
        _openBytes = 0;
        var closing = new List<Closing>(_members.Count);
        foreach (var member in _members)
            if (member.CloseWithLock() is { } batch)
            {
                batch.LastSourceSequence = _lastAccepted;
                closing.Add(new Closing(member, batch, batch.RecordCount));
            }
        return closing;
    }

    private BatchOperation? Append(RecordAccumulator accumulator, List<Closing> closing)
    {
        BatchOperation? finished = null;
        var status = TryAppend(accumulator, closing);
        foreach (var (member, batch, recordCount) in closing)
        {
            // A pending batch may be finished and in use again by now; only a completed one may be looked at.
            if (status == AppendStatus.Pending || (status == AppendStatus.Completed && batch.Outcome.Error == ErrorCode.None))
                member.Advance(recordCount);
            if (status != AppendStatus.Completed)
                continue;
            accumulator.NoteOutcomeWithLock(batch);
            Push(batch, ref finished);
        }
        return finished;
    }

    private AppendStatus TryAppend(RecordAccumulator accumulator, List<Closing> closing)
    {
        try
        {
            return closing.TrueForAll(each => accumulator.IsStopped(each.Batch))
                ? AppendStatus.Completed
                : backend.AppendNamed(session, closing.ConvertAll(static each => (AppendOperation)each.Batch), _lastAccepted);
        }
        catch (Exception exception)
        {
            foreach (var (_, batch, _) in closing)
                batch.Fail(exception);
            return AppendStatus.Completed;
        }
    }

    private static void Push(BatchOperation batch, ref BatchOperation? chain)
    {
        batch.Next = chain;
        chain = batch;
    }

    private readonly record struct Closing(PartitionAccumulator Member, BatchOperation Batch, int RecordCount);
}
