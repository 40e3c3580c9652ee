namespace ExactlyOnce;

/// <summary>
/// The broker aborted the transaction because it was open for longer than its timeout. No other producer is involved; the same one begins the next transaction.
/// </summary>
public sealed class TransactionTimedOutException : TransactionAbortableException
{
    /// <summary>Creates the exception.</summary>
    public TransactionTimedOutException(string message, Exception? innerException = null)
        : base(message, innerException, ErrorCode.TransactionTimedOut)
    {
    }
}
