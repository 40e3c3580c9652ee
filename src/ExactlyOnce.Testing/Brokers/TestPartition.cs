using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>A partition with faults in front of and behind every append. The broker is in memory, so an append has always answered when it returns.</summary>
internal sealed class TestPartition(TestBackend life, BackendPartition inner) : BackendPartition
{
    public override TopicPartition Id => inner.Id;

    public override BackendPartition Innermost => inner;

    public override TopicOptions TopicOptions => inner.TopicOptions;

    public override bool AnswersAtOnce => inner.AnswersAtOnce;

    public override bool IsCongested => inner.IsCongested;

    public override PartitionOffsets Offsets => inner.Offsets;

    public override long ReadableFrom => inner.ReadableFrom;

    public override Guid TopicId => inner.TopicId;

    public override bool IsDeleted => inner.IsDeleted;

    public override int LeaderEpoch => inner.LeaderEpoch;

    public override long SizeInBytes => inner.SizeInBytes;

    public override AppendStatus Append(AppendOperation operation)
    {
        if ((life.Death ?? life.Pass(FaultPoint.BeforeAppend, Id.Topic, operation.Session).Failure) is { } refusal)
            return Refuse(operation, refusal);
        var status = inner.Append(operation);
        if (operation.Outcome.Error != ErrorCode.None)
        {
            life.History?.Refused(operation, inner);
            return status;
        }
        life.History?.Appended(operation, inner);
        var fault = life.Pass(FaultPoint.AfterAppend, Id.Topic, operation.Session);
        if (fault.Failure is { } failure)
            return Refuse(operation, failure);
        if (fault.Action is FaultAction.LoseAcknowledgement or FaultAction.Duplicate)
            AppendAgain(operation, isAnswered: fault.Action == FaultAction.LoseAcknowledgement);
        return status;
    }

    // As a client sends a batch again whose answer it has not heard, or as a network delivers it twice.
    private void AppendAgain(AppendOperation operation, bool isAnswered)
    {
        var first = operation.Outcome;
        inner.Append(operation);
        life.History?.AppendedAgain(operation, inner);
        if (!isAnswered)
            operation.Outcome = first;
    }

    private static AppendStatus Refuse(AppendOperation operation, BrokerException refusal)
    {
        operation.Outcome = new AppendOutcome { Error = refusal.Code, Exception = refusal };
        return AppendStatus.Completed;
    }

    public override ValueTask WaitForRoomAsync(CancellationToken cancellationToken) => inner.WaitForRoomAsync(cancellationToken);

    public override PartitionReader OpenReader(long offset, IsolationLevel isolation)
    {
        life.ThrowIfDead();
        return new TestReader(life, this, inner.OpenReader(offset, isolation), TestBackend.CurrentLoop);
    }

    public override RawReader OpenRawReader() => inner.OpenRawReader();

    public override long? FindOffset(long timestampMs, IsolationLevel isolation) => inner.FindOffset(timestampMs, isolation);

    public override FoundOffset? FindRecord(long timestampMs, IsolationLevel isolation) => inner.FindRecord(timestampMs, isolation);

    public override FoundOffset? FindLargestTimestamp(IsolationLevel isolation) => inner.FindLargestTimestamp(isolation);

    public override long CountDeliverable(long fromOffset, IsolationLevel isolation) => inner.CountDeliverable(fromOffset, isolation);
}
