using System.Diagnostics;
using ExactlyOnce.Diagnostics;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// One producer's open batch for one partition, and its next sequence number. Its lock is held from the first record through the append of the sealed batch, so that
/// the order of sequences is the order of appends; producers with a name share one lock over all partitions. Nothing that may run user code happens inside: batches
/// that were answered at once are handed out and finished by the caller afterwards.
/// </summary>
internal sealed class PartitionAccumulator
{
    private readonly RecordAccumulator _accumulator;
    private readonly Lock _lock;
    private readonly BatchDraft _draft;
    private BatchOperation? _open;
    private BatchOperation? _lone;
    private long _deadline;
    private volatile int _sealCount;

    public PartitionAccumulator(RecordAccumulator accumulator, BackendPartition partition, Lock guard)
    {
        _accumulator = accumulator;
        _lock = guard;
        Partition = partition;
        _draft = new BatchDraft(accumulator, partition);
    }

    public BackendPartition Partition { get; }

    /// <summary>Grows with every batch sent; tells that the turn of records without a key is over. Read without the lock.</summary>
    public int SealCount => _sealCount;

    /// <summary>
    /// Adds a record to the open batch; with <paramref name="sealNow"/> sends it with everything before it. Takes the reservation over when it answers Accepted.
    /// <paramref name="send"/> gets the record's operation when <paramref name="isAwaited"/>.
    /// </summary>
    public AcceptStatus Accept(in EncodedRecord record, int reservedBytes, object? scope, bool isAwaited, bool sealNow, out SendOperation? send)
    {
        BatchOperation? finished = null;
        send = null;
        try
        {
            lock (_lock)
            {
                _accumulator.ThrowIfUnusable(scope);
                var source = _accumulator.Source;
                if (source is not null && !source.IsNew(record.SourceSequence))
                    return AcceptStatus.DuplicateSource;
                if (source is not null && !source.HasRoomFor(record))
                    finished = _accumulator.SealWithLock(this);
                if (!TryWrite(record, reservedBytes, isAwaited, waits: !sealNow, out send))
                {
                    finished = Concatenate(finished, SealWithLock());
                    _accumulator.ThrowIfUnusable(scope);
                    if (!TryWrite(record, reservedBytes, isAwaited, waits: !sealNow, out send))
                        throw new InvalidOperationException("A record that was found to fit into a batch of its own does not.");
                }
                source?.Accept(record);
                if (sealNow || _draft.SizeInBytes >= _accumulator.Settings.BatchBytes)
                    finished = Concatenate(finished, SealWithLock());
            }
            return AcceptStatus.Accepted;
        }
        finally
        {
            _accumulator.FinishAll(finished, send);
        }
    }

    /// <summary>
    /// The short way of a record that is awaited, sent at once and answered before the append returns. Its batch can be joined by no other record and is over before the lock is released:
    /// there is no operation to wait on, no memory to hold, nothing for a flush to wait for. The attempt gets the acknowledgement. False, and nothing has happened, when the record must
    /// go the long way, through <see cref="Accept"/>.
    /// </summary>
    public bool TrySendAlone(in EncodedRecord record, ref SendAttempt attempt)
    {
        if (!Partition.AnswersAtOnce || _accumulator.Source is not null || record.MessageId is not null || _accumulator.Memory.HasWaiters)
            return false;
        BatchOperation? refused;
        long? beganAt;
        lock (_lock)
        {
            _accumulator.ThrowIfUnusable(attempt.Scope);
            // Records that were posted go first, and this one with them.
            if (_open is not null || !_draft.TryAppend(record, Partition.TopicOptions.MaxMessageBytes, out var timestampMs))
                return false;
            beganAt = ClientMeter.MeasuresSends ? _accumulator.Time.GetTimestamp() : null;
            refused = AppendAloneWithLock(timestampMs, record.TimestampMs == EncodedRecord.TimestampNow, ref attempt);
        }
        if (refused is not null)
        {
            refused.OpenedAt = beganAt;
            throw _accumulator.Finish(refused, wasPending: false, own: null)!;
        }
        ClientMeter.RecordSend(_accumulator.Time, Partition.Id.Topic, recordCount: 1, beganAt, attempt.Answer.IsDuplicate, failure: null);
        return true;
    }

    /// <summary>Sends the open batch, if there is one.</summary>
    public void Seal()
    {
        BatchOperation? finished;
        lock (_lock)
            finished = SealWithLock();
        _accumulator.FinishAll(finished, own: null);
    }

    /// <summary>Sends the open batch when its time has come; answers how long it still has to wait, null when there is none.</summary>
    public TimeSpan? SealIfDue(long now)
    {
        BatchOperation? finished;
        lock (_lock)
        {
            if (_open is null)
                return null;
            if (_deadline > now)
                return _accumulator.Time.GetElapsedTime(now, _deadline);
            finished = SealWithLock();
        }
        _accumulator.FinishAll(finished, own: null);
        return null;
    }

    /// <summary>Drops the open batch unsent (its transaction is aborted) and begins at sequence 0 again.</summary>
    public void Restart()
    {
        BatchOperation? dropped;
        lock (_lock)
        {
            dropped = _open;
            _open = null;
            _draft.Restart();
        }
        if (dropped is not null)
            _accumulator.Discard(dropped);
    }

    /// <summary>Seals and signs the open batch; the lock is held. Null when nothing is open. <see cref="ReleaseWriter"/> must follow the append.</summary>
    public BatchOperation? CloseWithLock()
    {
        if (_open is not { } batch)
            return null;
        _open = null;
        batch.Epoch = _accumulator.EnterEpoch();
        Close(batch);
        return batch;
    }

    /// <summary>Takes the sequence numbers of a batch that was appended; the lock is held.</summary>
    public void Advance(int recordCount) => _draft.Advance(recordCount);

    /// <summary>The backend has copied the batch's bytes: the writer may be used for the next one.</summary>
    public void ReleaseWriter() => _draft.Clear();

    /// <summary>Appends a closed batch, without the records whose message ids the topic knows. Unless Completed is answered the batch may be finished already; the lock is held.</summary>
    public AppendStatus AppendWithLock(BatchOperation batch)
    {
        while (true)
        {
            var count = batch.RecordCount;
            var status = Partition.Append(batch);
            if (status == AppendStatus.Pending)
                Advance(count);
            if (status != AppendStatus.Completed)
                return status;
            if (batch.Outcome.Error == ErrorCode.None)
                Advance(count);
            if (batch.Outcome.DuplicateMessages is not { } duplicates)
                return status;
            if (!TakeOutWithLock(batch, duplicates))
                return status;
        }
    }

    /// <summary>Writes a refused batch anew without its duplicates; false when nothing is left, and the outcome is then a success.</summary>
    public bool TakeOutWithLock(BatchOperation batch, IReadOnlyDictionary<int, long> duplicates)
    {
        batch.TakeOut(duplicates);
        batch.Outcome = default;
        if (batch.RecordCount == 0)
            return false;
        _draft.Remove(batch, duplicates);
        return true;
    }

    /// <summary>Answers the batch when it was refused; it is then the caller's to finish.</summary>
    private BatchOperation? AppendAloneWithLock(long timestampMs, bool isNow, ref SendAttempt attempt)
    {
        var batch = _lone ??= _accumulator.Batches.Rent();
        batch.BecomeLone(timestampMs, isNow);
        Close(batch);
        var status = Partition.Append(batch);
        _draft.Clear();
        Debug.Assert(status == AppendStatus.Completed, "A partition that answers at once has answered.");
        if (batch.Outcome.Error != ErrorCode.None)
        {
            _lone = null;
            _accumulator.NoteOutcomeWithLock(batch);
            return batch;
        }
        _draft.Advance(1);
        attempt.SetAnswer(batch.ToMetadata(position: 0, timestampMs));
        return null;
    }

    private BatchOperation? SealWithLock() => _open is null ? null : _accumulator.SealWithLock(this);

    private bool TryWrite(in EncodedRecord record, int reservedBytes, bool isAwaited, bool waits, out SendOperation? send)
    {
        send = null;
        if (_open is not null && record.MessageId is not null && _open.HasMessageId(record.MessageId))
            return false;
        var limit = Partition.TopicOptions.MaxMessageBytes;
        if (_open is not null)
            limit = Math.Min(limit, _accumulator.Settings.BatchBytes);
        if (!_draft.TryAppend(record, limit, out var timestampMs))
            return false;
        _open ??= Open(waits);
        send = isAwaited ? _accumulator.Sends.Rent() : null;
        _open.Add(send, timestampMs, reservedBytes, record.MessageId);
        return true;
    }

    private BatchOperation Open(bool waits)
    {
        var batch = _accumulator.Batches.Rent();
        if (waits || ClientMeter.MeasuresSends)
            batch.OpenedAt = _accumulator.Time.GetTimestamp();
        if (waits)
            _deadline = _accumulator.ArmLinger(batch.OpenedAt!.Value);
        return batch;
    }

    private void Close(BatchOperation batch)
    {
        _sealCount++;
        batch.Session = _accumulator.Session;
        batch.Partition = Partition;
        _draft.Sign(batch);
    }

    private static BatchOperation? Concatenate(BatchOperation? first, BatchOperation? second)
    {
        if (first is null)
            return second;
        var last = first;
        while (last.Next is { } next)
            last = next;
        last.Next = second;
        return first;
    }
}

internal enum AcceptStatus
{
    /// <summary>The record is in the open batch, or already sent.</summary>
    Accepted,

    /// <summary>The record's source sequence is not above the last one accepted.</summary>
    DuplicateSource,
}
