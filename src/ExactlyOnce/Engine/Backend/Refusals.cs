using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Backend;

/// <summary>Puts the engine's verdicts into what callers see: an outcome or an exception that says what happened, to whom, why, and what to do.</summary>
internal static class Refusals
{
    /// <summary>The outcome of an append.</summary>
    public static AppendOutcome ToOutcome(
        in AppendReceipt receipt, TransactionDecision? decision, AppendOperation operation, Partition partition, BrokerEngine engine)
    {
        if (receipt.Error == ErrorCode.None)
            return new AppendOutcome { BaseOffset = receipt.BaseOffset, LogAppendTimeMs = receipt.LogAppendTimeMs, IsDuplicate = receipt.IsDuplicate };
        var exception = decision is { IsRefused: true }
            ? Of(decision, operation.Session?.TransactionalId ?? operation.Session?.Name ?? "producer")
            : receipt.Error == ErrorCode.InvalidProducerEpoch && operation.Session?.TransactionalId is { } id
                ? engine.DescribeLostTransaction(id, operation.Header.Producer)
                : ErrorTable.ToException(receipt.Error, Explain(receipt, operation, partition, engine), engine.Journal.Failure);
        return new AppendOutcome { Error = exception.Code, Exception = exception };
    }

    public static BrokerException Of(TransactionDecision decision, string subject)
    {
        var why = decision.Refusal is { } refusal ? refusal.Describe() : Explain(decision.Verdict);
        return ErrorTable.ToException(decision.Verdict.ToErrorCode(), $"'{subject}': {why}");
    }

    public static BrokerException Of(GroupVerdict verdict, string group) =>
        ErrorTable.ToException((ErrorCode)verdict, $"Consumer group '{group}': {Explain(verdict)}");

    public static BrokerException Of(TopicReply reply, string topic, TopicOptions? options = null) => reply.Error switch
    {
        ErrorCode.TopicAlreadyExists => ErrorTable.ToException(reply.Error, $"A topic '{topic}' exists already."),
        ErrorCode.UnknownTopicOrPartition => UnknownTopic(topic),
        ErrorCode.InvalidPartitions => ErrorTable.ToException(
            reply.Error, $"Topic '{topic}': the number of partitions can only grow, to at most {TopicCatalog.PartitionsMax:N0}."),
        ErrorCode.InvalidConfig when options is not null => ErrorTable.ToException(
            reply.Error, $"Topic '{topic}': {TopicCatalog.DescribeInvalid(options)}"),
        _ => ErrorTable.ToException(reply.Error, $"Topic '{topic}': {reply.Error}."),
    };

    public static BrokerException UnknownTopic(string topic) => ErrorTable.ToException(
        ErrorCode.UnknownTopicOrPartition, $"There is no topic '{topic}'. Declare it with AddTopic, or create it with broker.Admin.CreateTopicAsync.");

    public static BrokerException UnknownPartition(TopicPartition partition) =>
        ErrorTable.ToException(ErrorCode.UnknownTopicOrPartition, $"There is no partition {partition}.");

    /// <summary>The journal failed while somebody waited.</summary>
    public static BrokerException Failed(StorageException failure) => ErrorTable.ToException(
        failure.Code, $"The journal failed before this became durable. Whether it survived is known after the directory has been opened again. {failure.Message}", failure);

    public static BrokerException InternalTopic(string topic) => ErrorTable.ToException(ErrorCode.InvalidTopic, InternalTopicText(topic));

    public static BrokerException Closed() => ErrorTable.ToException(ErrorCode.BrokerClosed, "The broker is closed.");

    private static string InternalTopicText(string topic) =>
        $"'{topic}' is the broker's own: it can be read, and neither written to nor created, changed or deleted. Choose another name.";

    private static string Explain(in AppendReceipt receipt, AppendOperation operation, Partition partition, BrokerEngine engine) => receipt.Error switch
    {
        ErrorCode.UnknownTopicOrPartition => $"Topic '{partition.Name.Topic}' was deleted.",
        ErrorCode.InvalidTopic => InternalTopicText(partition.Name.Topic),
        ErrorCode.StorageFailure => $"The broker has stopped writing: {engine.Journal.Failure?.Message} Reopen the directory to write again.",
        ErrorCode.MessageTooLarge => $"A batch of {operation.Header.SizeInBytes:N0} bytes is larger than {partition.Name.Topic} accepts ({partition.Options.MaxMessageBytes:N0} bytes; TopicOptions.MaxMessageBytes), or than what is written in one step may be (a quarter of BrokerOptions.JournalFileBytes).",
        ErrorCode.InvalidTimestamp => $"A record's timestamp lies more than {partition.Options.TimestampMaxAhead} ahead of the broker's clock (TopicOptions.TimestampMaxAhead).",
        ErrorCode.InvalidRequest => "Message ids cannot be used inside a transaction.",
        _ => ExplainVerdict(receipt, operation, partition),
    };

    private static string ExplainVerdict(in AppendReceipt receipt, AppendOperation operation, Partition partition) => receipt.Verdict switch
    {
        AppendVerdict.OutOfOrderSequence =>
            $"Producer {operation.Header.Producer} sent sequence {operation.Header.BaseSequence} to {partition.Name}, where {(receipt.ExpectedSequence < 0 ? "another" : receipt.ExpectedSequence)} was expected: a batch before it is missing.",
        AppendVerdict.InvalidProducerEpoch =>
            $"Producer {operation.Header.Producer} is a zombie in {partition.Name}: a newer epoch has written there. Create a new producer.",
        AppendVerdict.InvalidTransactionState =>
            $"Producer {operation.Header.Producer} has a transaction in another state in {partition.Name} than its batch says.",
        _ => $"{partition.Name} refused a batch: {receipt.Verdict}.",
    };

    private static string Explain(TransactionVerdict verdict) => verdict switch
    {
        TransactionVerdict.InvalidRequest => "the id must be 1 to 1,024 characters.",
        TransactionVerdict.InvalidTransactionTimeout => "the transaction timeout must be positive and at most the broker's maximum (BrokerOptions).",
        TransactionVerdict.NotFound => "nothing of that name is known; it may have expired.",
        TransactionVerdict.TransactionPrepared => "a prepared transaction waits for its decision; resolve it by its token first (broker.Admin).",
        TransactionVerdict.InvalidTransactionState => "the transaction is not in a state that allows this.",
        TransactionVerdict.InvalidProducerIdMapping => "the id is not known to the broker (any more). Create a new producer.",
        _ => verdict.ToString(),
    };

    private static string Explain(GroupVerdict verdict) => verdict switch
    {
        GroupVerdict.IllegalGeneration or GroupVerdict.StaleMemberEpoch or GroupVerdict.FencedMemberEpoch =>
            "the partition was given to another member since. Its new owner goes on from the last committed position.",
        GroupVerdict.UnknownMemberId => "this member is not (any more) part of the group. Create a new consumer.",
        GroupVerdict.FencedInstanceId => "another consumer took over this instance id.",
        GroupVerdict.NonEmptyGroup => "the group has members; dispose them first.",
        GroupVerdict.GroupIdNotFound => "there is no such group.",
        GroupVerdict.OffsetMetadataTooLarge => "the metadata beside an offset may have 4,096 characters at most.",
        GroupVerdict.PolicyViolation => "these are more offsets than one commit or one transaction may carry (10,000, and what a journal frame holds: a quarter of BrokerOptions.JournalFileBytes).",
        GroupVerdict.InvalidGroupId => "a group id has 1 to 1,024 characters.",
        _ => verdict.ToString(),
    };
}
