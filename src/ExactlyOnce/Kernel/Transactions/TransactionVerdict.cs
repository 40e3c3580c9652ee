namespace ExactlyOnce.Kernel.Transactions;

/// <summary>What the coordinator answers. The numbers are those of <see cref="ErrorCode"/>, and so Kafka's where Kafka has one.</summary>
internal enum TransactionVerdict
{
    None = 0,
    UnsupportedVersion = 35,
    InvalidRequest = 42,
    DuplicateSequence = 46,
    InvalidProducerEpoch = 47,
    InvalidTransactionState = 48,
    InvalidProducerIdMapping = 49,
    InvalidTransactionTimeout = 50,
    ConcurrentTransactions = 51,
    TransactionalIdAuthorizationFailed = 53,
    ProducerFenced = 90,
    NotFound = 105,

    /// <summary>A limit was hit, or a partition is not part of the transaction: abort it, then go on.</summary>
    TransactionAbortable = 120,

    /// <summary>Ours: the broker aborted the transaction for its age. Abort, then go on; nobody took over.</summary>
    TimedOut = 10_001,

    /// <summary>Ours: a prepared transaction waits for its decision; the refusal names its token. Resolve it, or take it over with keepPrepared.</summary>
    TransactionPrepared = 20_001,
}

internal static class TransactionVerdicts
{
    /// <summary>
    /// The error a client is told. A waiting prepared transaction is Kafka's "concurrent transactions": the same call succeeds once it is resolved.
    /// </summary>
    public static ErrorCode ToErrorCode(this TransactionVerdict verdict) =>
        verdict == TransactionVerdict.TransactionPrepared ? ErrorCode.ConcurrentTransactions : (ErrorCode)verdict;
}
