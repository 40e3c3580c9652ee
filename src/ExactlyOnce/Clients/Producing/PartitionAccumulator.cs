using System.Diagnostics;
using ExactlyOnce.Diagnostics;
using ExactlyOnce.Threading;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// One producer's open batch for one partition, and its next sequence number. Its lock is held from the first record through the append of the sealed batch, so
/// that the order of sequences is the order of appends; producers with a name share one lock over all partitions. Nothing that may run user code happens
/// inside: batches that were answered at once are handed out and finished by the caller afterwards.
/// </summary>
internal sealed class PartitionAccumulator
{
    private readonly RecordAccumulator _accumulator;
    private readonly ShortLock _lock;
    private readonly BatchDraft _draft;
    private BatchOperation? _open;
    private BatchOperation? _lone;
    private long _deadline;

    /// <summary>Buffer memory that is reserved and that no record has used yet.</summary>
    private int _spareBytes;
    private volatile int _sealCount;
    private bool _isOpened;
    private bool _isAbandoned;

    public PartitionAccumulator(RecordAccumulator accumulator, BackendPartition partition, ShortLock guard)
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
    /// Adds a record to the open batch; with <paramref name="sealNow"/> sends it with everything before it. When it answers Accepted it has taken over what the
    /// attempt had reserved, and an awaited attempt has its operation.
    /// </summary>
    public AcceptStatus Accept(in EncodedRecord record, ref SendAttempt attempt, bool sealNow)
    {
        BatchOperation? finished = null;
        _lock.EnterUnscoped();
        try
        {
            return AcceptWithLock(record, ref attempt, sealNow, ref finished);
        }
        finally
        {
            // What was taken ahead for a record that did not get in.
            if (_open is null)
                ReleaseSpare();
            _lock.Exit();
            if (finished is not null)
                _accumulator.FinishAll(finished, attempt.Send);
        }
    }

    /// <summary>
    /// The short way of a record that is awaited, sent at once and answered before the append returns. Its batch can be joined by no other record and is over
    /// before the lock is released: there is no operation to wait on, no memory to hold, nothing for a flush to wait for. The attempt gets the acknowledgement.
    /// False, and nothing has happened, when the record must go the long way, through <see cref="Accept"/>.
    /// </summary>
    public bool TrySendAlone(in EncodedRecord record, ref SendAttempt attempt)
    {
        if (!Partition.AnswersAtOnce || _accumulator.Source is not null || record.MessageId is not null || _accumulator.Memory.HasWaiters)
            return false;
        BatchOperation? refused;
        long? beganAt;
        using (_lock.Enter())
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
        using (_lock.Enter())
            finished = SealWithLock();
        _accumulator.FinishAll(finished, own: null);
    }

    /// <summary>Sends the open batch, and from here on every record at once: nobody looks after what is open here any more.</summary>
    public void Abandon()
    {
        BatchOperation? finished;
        using (_lock.Enter())
        {
            _isAbandoned = true;
            finished = SealWithLock();
        }
        _accumulator.FinishAll(finished, own: null);
    }

    /// <summary>Sends the open batch when its time has come; answers how long it still has to wait, null when there is none.</summary>
    public TimeSpan? SealIfDue(long now)
    {
        BatchOperation? finished;
        using (_lock.Enter())
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

    /// <summary>
    /// Takes the open batch out, to be appended with the commit of its transaction; null when there is none. Nothing else is accepted until
    /// <see cref="Restart"/>.
    /// </summary>
    public BatchOperation? CloseForCommit()
    {
        using (_lock.Enter())
        {
            var batch = CloseWithLock();
            if (batch is not null)
                batch.Member = this;
            return batch;
        }
    }

    /// <summary>Appends the batch that was taken out; answers it when it is the caller's to finish.</summary>
    public BatchOperation? AppendClosed(BatchOperation batch)
    {
        using (_lock.Enter())
            return _accumulator.SendWithLock(this, batch);
    }

    /// <summary>Drops the open batch unsent (its transaction is aborted) and begins at sequence 0 again.</summary>
    public void Restart()
    {
        BatchOperation? dropped;
        using (_lock.Enter())
        {
            dropped = _open;
            _open = null;
            _isOpened = false;
            _draft.Restart();
            ReleaseSpare();
        }
        if (dropped is not null)
            _accumulator.Discard(dropped);
    }

    /// <summary>Seals and signs the open batch; the lock is held. Null when nothing is open. <see cref="ReleaseWriter"/> must follow the append.</summary>
    public BatchOperation? CloseWithLock()
    {
        if (_open is not { } batch)
        {
            ReleaseSpare();
            return null;
        }
        _open = null;
        batch.Epoch = _accumulator.EnterEpoch();
        Close(batch);
        return batch;
    }

    /// <summary>Takes the sequence numbers of a batch that was appended; the lock is held.</summary>
    public void Advance(int recordCount) => _draft.Advance(recordCount);

    /// <summary>The backend has copied the batch's bytes: the writer may be used for the next one.</summary>
    public void ReleaseWriter() => _draft.Clear();

    /// <summary>
    /// Appends a closed batch, without the records whose message ids the topic knows. Unless Completed is answered the batch may be finished already; the lock
    /// is held.
    /// </summary>
    public AppendStatus AppendWithLock(BatchOperation batch)
    {
        try
        {
            return AppendNewWithLock(batch);
        }
        catch (Exception exception)
        {
            // A codec that cannot read what it wrote, for example.
            batch.Fail(exception);
            return AppendStatus.Completed;
        }
    }

    private AppendStatus AppendNewWithLock(BatchOperation batch)
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
    private bool TakeOutWithLock(BatchOperation batch, IReadOnlyDictionary<int, long> duplicates)
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

    private AcceptStatus AcceptWithLock(in EncodedRecord record, ref SendAttempt attempt, bool sealNow, ref BatchOperation? finished)
    {
        if (!_isOpened)
        {
            _isOpened = true;
            _accumulator.NoteOpened(this);
        }
        _accumulator.ThrowIfUnusable(attempt.Scope);
        var source = _accumulator.Source;
        if (source is not null)
        {
            if (!source.IsNew(record.SourceSequence))
                return AcceptStatus.DuplicateSource;
            if (!source.HasRoomFor(record))
                finished = _accumulator.SealWithLock(this);
        }
        if (!TryHoldMemory(record, ref attempt))
            return AcceptStatus.NoMemory;
        if (!TryWrite(record, ref attempt, waits: !sealNow))
        {
            finished = Concatenate(finished, SealWithLock());
            _accumulator.ThrowIfUnusable(attempt.Scope);
            if (!TryHoldMemory(record, ref attempt))
                return AcceptStatus.NoMemory;
            if (!TryWrite(record, ref attempt, waits: !sealNow))
                throw new InvalidOperationException("A record that was found to fit into a batch of its own does not.");
        }
        source?.Accept(record);
        if (sealNow || _isAbandoned || _draft.SizeInBytes >= _accumulator.Settings.BatchBytes)
            finished = Concatenate(finished, SealWithLock());
        return AcceptStatus.Accepted;
    }

    private BatchOperation? SealWithLock()
    {
        if (_open is not null)
            return _accumulator.SealWithLock(this);
        ReleaseSpare();
        return null;
    }

    /// <summary>
    /// True when the record's memory is held: by its attempt, or because an earlier record took some ahead, or because it was free. Some is taken ahead so that
    /// the records of a batch share the step; what is left of it goes with the batch.
    /// </summary>
    private bool TryHoldMemory(in EncodedRecord record, ref SendAttempt attempt)
    {
        var missing = (int)record.SizeBytesMax - _spareBytes;
        return missing <= 0 || TryTakeMemory(missing, ref attempt);
    }

    private bool TryTakeMemory(int missing, ref SendAttempt attempt)
    {
        _spareBytes += attempt.ReservedBytes;
        missing -= attempt.ReservedBytes;
        attempt.ReservedBytes = 0;
        if (missing <= 0)
            return true;
        var memory = _accumulator.Memory;
        var taken = Math.Max(missing, memory.AheadBytes);
        if (!memory.TryReserve(taken))
        {
            taken = missing;
            if (!memory.TryReserve(taken))
                return false;
        }
        _spareBytes += taken;
        return true;
    }

    private void ReleaseSpare()
    {
        if (_spareBytes == 0)
            return;
        _accumulator.Memory.Release(_spareBytes);
        _spareBytes = 0;
    }

    private bool TryWrite(in EncodedRecord record, ref SendAttempt attempt, bool waits)
    {
        if (_open is not null && record.MessageId is not null && _open.HasMessageId(record.MessageId))
            return false;
        var limit = Partition.TopicOptions.MaxMessageBytes;
        if (_open is not null)
            limit = Math.Min(limit, _accumulator.Settings.BatchBytes);
        if (!_draft.TryAppend(record, limit, out var timestampMs))
            return false;
        _open ??= Open(waits);
        attempt.Send = attempt.IsAwaited ? _accumulator.Sends.Rent() : null;
        var bytes = (int)record.SizeBytesMax;
        _spareBytes -= bytes;
        _open.Add(attempt.Send, timestampMs, bytes, record.MessageId);
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
        batch.ReservedBytes += _spareBytes;
        _spareBytes = 0;
        batch.Session = _accumulator.Session;
        batch.Partition = Partition;
        _draft.Sign(batch);
        // Before the append: whoever can read the batch finds its objects.
        if (batch.References is { } page)
            Partition.References!.Add(page);
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

    /// <summary>There is no buffer memory for the record: reserve it, with an attempt that brings it along try again.</summary>
    NoMemory,
}
