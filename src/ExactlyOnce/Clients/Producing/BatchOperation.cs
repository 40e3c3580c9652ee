using System.Diagnostics;
using ExactlyOnce.References;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The batch a partition's records go into while it is open, and its append once it is sealed. Rented by <see cref="PartitionAccumulator"/> under its lock,
/// finished exactly once without it: on the sealer's stack when the backend answered at once, else on the backend's completions.
/// </summary>
internal sealed class BatchOperation(RecordAccumulator accumulator) : AppendOperation
{
    private readonly List<string?> _messageIds = [];
    private HashSet<string>? _knownMessageIds;
    private SendOperation? _firstSend;
    private SendOperation? _lastSend;

    /// <summary>The next batch of a chain of batches to be finished, or of the pool.</summary>
    public BatchOperation? Next { get; set; }

    /// <summary>Where the batch was taken out of to be appended with a commit; else null.</summary>
    public PartitionAccumulator? Member { get; set; }

    public int RecordCount { get; private set; }

    /// <summary>Buffer memory that comes back when the batch is finished.</summary>
    public long ReservedBytes { get; set; }

    /// <summary>Records that were posted: nobody waits for them, so their failure is told at the next flush.</summary>
    public int PostCount { get; private set; }

    /// <summary>The timestamp (<see cref="TimeProvider.GetTimestamp"/>) the batch was opened at; null when nobody wants to know.</summary>
    public long? OpenedAt { get; set; }

    /// <summary>The objects that the batch's values refer to; null for bytes alone.</summary>
    public ReferencePage? References { get; set; }

    public FlushEpoch? Epoch { get; set; }

    /// <summary>For named producers: the highest source sequence accepted when the batch was sealed.</summary>
    public long LastSourceSequence { get; set; } = EncodedRecord.NoSourceSequence;

    public bool HasMessageId(string messageId) => _knownMessageIds?.Contains(messageId) ?? false;

    /// <summary>Notes a record that was just written; <paramref name="send"/> is null for a post.</summary>
    public void Add(SendOperation? send, long timestampMs, int reservedBytes, string? messageId)
    {
        if (messageId is not null || MessageIds is not null)
            NoteMessageId(messageId);
        ReservedBytes += reservedBytes;
        if (send is null)
            PostCount++;
        else
            Link(send, timestampMs);
        RecordCount++;
    }

    /// <summary>
    /// Makes the batch that of one record which nobody waits for through the batch. What is not named here and in the signing is as a new batch has it, and
    /// stays so: a batch is lone for good. A record stamped now was stamped by the clock that the broker reads too, a moment ago: once is enough.
    /// </summary>
    public void BecomeLone(long timestampMs, bool isStampedNow)
    {
        RecordCount = 1;
        NowMs = isStampedNow ? timestampMs : UnknownTime;
    }

    /// <summary>The acknowledgement of the record at a position, once the batch has been accepted.</summary>
    public RecordMetadata ToMetadata(int position, long timestampMs)
    {
        var placedMs = Outcome.LogAppendTimeMs > 0 ? Outcome.LogAppendTimeMs : timestampMs;
        return new RecordMetadata(Partition!.Id, Outcome.BaseOffset + position, placedMs, Outcome.IsDuplicate);
    }

    /// <summary>Takes the records at these positions out of the books and decides their sends: duplicates, with the offset of the original.</summary>
    public void TakeOut(IReadOnlyDictionary<int, long> duplicates)
    {
        for (var send = _firstSend; send is not null; send = send.Next)
            if (!send.IsDecided && duplicates.TryGetValue(send.Position, out var offset))
                send.SetOutcome(new RecordMetadata(Partition!.Id, offset, send.TimestampMs, isDuplicate: true));
        Renumber(duplicates);
        RecordCount -= duplicates.Count;
    }

    /// <summary>The append threw: an outcome all the same, so that whoever waits for the batch is told.</summary>
    public void Fail(Exception exception)
    {
        var failure = exception as BrokerException
            ?? ErrorTable.ToException(ErrorCode.Unknown, $"A batch for {Partition!.Id} could not be sent: {exception.Message}", exception);
        Outcome = new AppendOutcome { Error = failure.Code, Exception = failure };
    }

    public override void OnCompleted() => accumulator.Finish(this, wasPending: true, own: null);

    /// <summary>Gives every undecided send its outcome and hands the chain out; the batch knows none of them afterwards.</summary>
    public SendOperation? DecideSends(BrokerException? failure)
    {
        for (var send = _firstSend; send is not null; send = send.Next)
        {
            if (send.IsDecided)
                continue;
            if (failure is not null)
                send.SetOutcome(failure);
            else
                send.SetOutcome(ToMetadata(send.Position, send.TimestampMs));
        }
        var first = _firstSend;
        _firstSend = _lastSend = null;
        return first;
    }

    /// <summary>Makes the operation as new.</summary>
    public void Reset()
    {
        Debug.Assert(_firstSend is null, "A batch is finished before it is used again.");
        Session = null;
        Partition = null;
        Sign(default, default);
        MessageIds = null;
        Outcome = default;
        Lsn = 0;
        Next = null;
        Member = null;
        RecordCount = 0;
        ReservedBytes = 0;
        PostCount = 0;
        OpenedAt = null;
        NowMs = UnknownTime;
        Epoch = null;
        References = null;
        LastSourceSequence = EncodedRecord.NoSourceSequence;
        _messageIds.Clear();
        _knownMessageIds?.Clear();
    }

    private void NoteMessageId(string? messageId)
    {
        if (messageId is not null)
        {
            (_knownMessageIds ??= new HashSet<string>(StringComparer.Ordinal)).Add(messageId);
            while (_messageIds.Count < RecordCount)
                _messageIds.Add(null);
            MessageIds = _messageIds;
        }
        _messageIds.Add(messageId);
    }

    private void Link(SendOperation send, long timestampMs)
    {
        send.Position = RecordCount;
        send.TimestampMs = timestampMs;
        if (_lastSend is null)
            _firstSend = send;
        else
            _lastSend.Next = send;
        _lastSend = send;
    }

    private void Renumber(IReadOnlyDictionary<int, long> duplicates)
    {
        var kept = 0;
        var send = _firstSend;
        for (var position = 0; position < RecordCount; position++)
        {
            while (send is not null && (send.IsDecided || send.Position < position))
                send = send.Next;
            if (duplicates.ContainsKey(position))
                continue;
            _messageIds[kept] = _messageIds[position];
            if (send is not null && send.Position == position)
            {
                send.Position = kept;
                send = send.Next;
            }
            kept++;
        }
        _messageIds.RemoveRange(kept, _messageIds.Count - kept);
    }
}
