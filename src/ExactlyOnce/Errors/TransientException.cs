namespace ExactlyOnce;

/// <summary>The broker could not do it now, and nothing was done: make the same call again, later.</summary>
public sealed class TransientException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public TransientException(ErrorCode code, string message, Exception? innerException = null)
        : base(code, message, innerException)
    {
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.Retry;
}
