namespace ExactlyOnce;

/// <summary>
/// The commit was under way when the broker lost the means to tell how it ended: it is committed as a whole or aborted as a whole. Reopen the broker and ask
/// <see cref="BrokerAdmin.GetTransactionOutcomeAsync"/> with the three values given here.
/// </summary>
public sealed class TransactionOutcomeUnknownException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public TransactionOutcomeUnknownException(string message, string transactionalId, long producerId, short epoch, Exception? innerException = null)
        : base(ErrorCode.OutcomeUnknown, message, innerException)
    {
        TransactionalId = transactionalId;
        ProducerId = producerId;
        Epoch = epoch;
    }

    /// <summary>The producer's transactional id.</summary>
    public string TransactionalId { get; }

    /// <summary>The producer id the transaction was written under.</summary>
    public long ProducerId { get; }

    /// <summary>The epoch the transaction was written under; every transaction of a producer has its own.</summary>
    public short Epoch { get; }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.RecreateClient;
}
