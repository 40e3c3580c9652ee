using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Clients.Wire;

/// <summary>Which of Kafka's two ways of running a transaction a request belongs to; told by its version.</summary>
internal enum WireGeneration : byte
{
    /// <summary>
    /// Partitions and groups are added beforehand, the epoch stays at the end: AddPartitionsToTxn, AddOffsetsToTxn, Produce to 11, TxnOffsetCommit to 4, EndTxn
    /// to 4.
    /// </summary>
    V1 = 1,

    /// <summary>They are added with what is written, the epoch is bumped at the end: Produce from 12, TxnOffsetCommit 5, EndTxn 5.</summary>
    V2 = 2,
}

/// <summary>Who speaks inside a transaction.</summary>
/// <param name="TransactionalId">The transactional id of the request.</param>
/// <param name="Identity">The producer id and epoch of the request, or of the batch.</param>
/// <param name="Generation">By the version of the request.</param>
/// <param name="ClientName">Whom a fenced producer is told of: client id and address.</param>
internal readonly record struct TransactionCaller(string TransactionalId, ProducerIdentity Identity, WireGeneration Generation, string ClientName);

/// <summary>InitProducerId.</summary>
/// <param name="TransactionalId">Null for a producer that is only idempotent.</param>
/// <param name="TimeoutMs">How long a transaction may be open.</param>
/// <param name="Held">The identity that the client has and wants a newer epoch of (KIP-360); both −1 for none.</param>
/// <param name="ClientName">Whom a fenced producer is told of: client id and address.</param>
internal readonly record struct InitProducerIdCall(string? TransactionalId, int TimeoutMs, ProducerIdentity Held, string ClientName);

/// <summary>An identity, or why there is none.</summary>
internal readonly record struct ProducerAnswer(ErrorCode Error, ProducerIdentity Identity);

/// <summary>A transactional id as DescribeTransactions and ListTransactions show it.</summary>
/// <param name="TransactionalId">The id.</param>
/// <param name="State">Kafka's word: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort.</param>
/// <param name="Identity">Who holds it.</param>
/// <param name="TimeoutMs">How long a transaction of his may be open.</param>
/// <param name="StartMs">When the open transaction, or the last one, began; −1 for none.</param>
/// <param name="Partitions">The partitions of the open transaction.</param>
internal sealed record WireTransaction(
    string TransactionalId, string State, ProducerIdentity Identity, int TimeoutMs, long StartMs, IReadOnlyList<TopicPartition> Partitions);

/// <summary>ListTransactions. What is empty, negative or null does not choose.</summary>
internal sealed record ListTransactionsCall
{
    public IReadOnlyList<string> States { get; init; } = [];

    public IReadOnlyList<long> ProducerIds { get; init; } = [];

    /// <summary>Only those that have been open for longer. Milliseconds.</summary>
    public long OpenForMs { get; init; } = -1;

    /// <summary>A regular expression that the whole id matches.</summary>
    public string? IdPattern { get; init; }
}

/// <summary>The answer to ListTransactions.</summary>
/// <param name="Error">None, or InvalidRegularExpression.</param>
/// <param name="Transactions">By transactional id.</param>
/// <param name="UnknownStates">State names that were asked for and mean nothing.</param>
internal sealed record TransactionListing(ErrorCode Error, IReadOnlyList<WireTransaction> Transactions, IReadOnlyList<string> UnknownStates);

/// <summary>A producer that a partition remembers. What is not there is −1.</summary>
internal readonly record struct PartitionProducer(
    ProducerIdentity Identity, int LastSequence, long LastTimestamp, int CoordinatorEpoch, long TransactionFirstOffset);
