namespace ExactlyOnce;

/// <summary>
/// The disk failed. The broker stops writing for good and keeps the cause; reads of what was durable before go on. Reopen the directory to write again.
/// </summary>
public class StorageException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public StorageException(string message, Exception? innerException = null, ErrorCode code = ErrorCode.StorageFailure)
        : base(code, message, innerException)
    {
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.Stop;
}
