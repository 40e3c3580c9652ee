namespace ExactlyOnce;

/// <summary>
/// The transaction cannot be committed any more: abort it (disposing it does), then begin the next one with the same producer. Nothing of it was or will be
/// visible to read_committed readers.
/// </summary>
public class TransactionAbortableException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public TransactionAbortableException(string message, Exception? innerException = null, ErrorCode code = ErrorCode.TransactionAbortable)
        : base(code, message, innerException)
    {
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.AbortTransaction;
}
