using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Transactions;
using ExactlyOnce.References;

namespace ExactlyOnce.Engine.Backend;

/// <summary>A partition as the client library holds it.</summary>
internal sealed class EnginePartition(BrokerEngine engine, Partition partition) : BackendPartition
{
    internal Partition Partition => partition;

    public override TopicPartition Id => partition.Name;

    public override TopicOptions TopicOptions => partition.Options;

    public override bool AnswersAtOnce { get; } = engine.Journal.Durability == Durability.Memory;

    public override ReferenceTable? References { get; } = engine.Journal.Durability == Durability.Memory ? partition.Tail.References : null;

    public override bool IsCongested => engine.Congestion.IsCongested;

    public override PartitionOffsets Offsets
    {
        get
        {
            var mark = partition.VisibleMark;
            return new PartitionOffsets(mark.LogStart, mark.LogEnd, mark.LastStable);
        }
    }

    public override long ReadableFrom => partition.View.LogStart;

    public override ValueTask WaitForRoomAsync(CancellationToken cancellationToken) => engine.Congestion.WaitForRoomAsync(cancellationToken);

    public override AppendStatus Append(AppendOperation operation)
    {
        if (operation.Session?.Fenced is { } fenced)
            return Refuse(operation, fenced);
        if (operation.MessageIds is not null)
            return AppendWithMessageIds(operation);
        var nowMs = operation.NowMs != AppendOperation.UnknownTime ? operation.NowMs : engine.AppendTimeMs(partition.Options);
        var receipt = partition.Append(operation.Header, operation.Bytes, AppendOrigin.Client, nowMs);
        if (receipt.NeedsEnrolment)
            return EnrolAndAppend(operation, nowMs);
        if (receipt.Error != ErrorCode.None)
            return Answer(operation, receipt, null);
        operation.SetPlace(receipt.BaseOffset, receipt.LogAppendTimeMs, receipt.IsDuplicate);
        return engine.CompleteWhenVisible(operation, receipt.Lsn);
    }

    public override PartitionReader OpenReader(long offset, IsolationLevel isolation) =>
        new EngineReader(this, new PartitionCursor(partition, offset, isolation), engine);

    public override Guid TopicId => partition.TopicId;

    public override bool IsDeleted => partition.IsRetired;

    public override int LeaderEpoch => partition.LeaderEpoch;

    public override long SizeInBytes
    {
        get
        {
            var view = partition.View;
            var size = 0L;
            foreach (var segment in view.Segments)
                size += segment.Description.LogLength;
            // Behind the files is what only the tail has; in front of that the two overlap.
            for (var chunk = view.FindChunk(view.TailBegin); chunk is not null; chunk = chunk.Next)
                size += chunk.Written;
            return size;
        }
    }

    public override RawReader OpenRawReader() => new EngineRawReader(engine, partition);

    public override FoundOffset? FindRecord(long timestampMs, IsolationLevel isolation)
    {
        using var cursor = new PartitionCursor(partition, 0, isolation);
        return ToFound(cursor.FindRecord(timestampMs, engine.Decompressor()));
    }

    public override FoundOffset? FindLargestTimestamp(IsolationLevel isolation)
    {
        using var cursor = new PartitionCursor(partition, 0, isolation);
        return ToFound(cursor.FindLatest(engine.Decompressor()));
    }

    public override long? FindOffset(long timestampMs, IsolationLevel isolation)
    {
        using var cursor = new PartitionCursor(partition, 0, isolation);
        return cursor.FindOffset(timestampMs, engine.Decompressor());
    }

    public override long CountDeliverable(long fromOffset, IsolationLevel isolation)
    {
        using var cursor = new PartitionCursor(partition, fromOffset, isolation);
        return cursor.CountDeliverable(engine.Decompressor());
    }

    /// <summary>Sets the outcome; it holds once its LSN is visible, at once or later.</summary>
    internal AppendStatus Answer(AppendOperation operation, in AppendReceipt receipt, TransactionDecision? decision)
    {
        operation.Outcome = Refusals.ToOutcome(receipt, decision, operation, partition, engine);
        if (operation.Outcome.Error == ErrorCode.ProducerFenced)
            engine.Meter.RecordFenced();
        return engine.CompleteWhenVisible(operation, receipt.Lsn);
    }

    private static FoundOffset? ToFound(Log.FoundRecord? found) => found is { } record ? new FoundOffset(record.Offset, record.TimestampMs) : null;

    private static AppendStatus Refuse(AppendOperation operation, BrokerException fenced)
    {
        operation.Outcome = new AppendOutcome { Error = fenced.Code, Exception = fenced };
        return AppendStatus.Completed;
    }

    private AppendStatus EnrolAndAppend(AppendOperation operation, long nowMs)
    {
        if (operation.Session is not { TransactionalId: { } id })
            return Answer(operation, new AppendReceipt { Error = ErrorCode.InvalidTransactionState }, null);
        var receipt = engine.Transactions.EnrolAndAppend(partition, id, EngineBackend.Client(id), operation.Header, operation.Bytes, nowMs, out var enrolment, out var deadlineMs);
        engine.Deadlines.RearmFor(deadlineMs);
        return Answer(operation, receipt, enrolment);
    }

    private AppendStatus AppendWithMessageIds(AppendOperation operation)
    {
        var receipt = engine.MessageIds.Append(partition, operation.Header, operation.Bytes, operation.MessageIds!, engine.AppendTimeMs(partition.Options), out var known);
        if (known is null)
            return Answer(operation, receipt, null);
        operation.Outcome = new AppendOutcome { Error = ErrorCode.DuplicateSequence, DuplicateMessages = known };
        // Known in part: the rest is appended at once, and its own answer waits for everything in front of it.
        return known.Count < operation.MessageIds!.Count ? AppendStatus.Completed : engine.CompleteWhenVisible(operation, receipt.Lsn);
    }
}
