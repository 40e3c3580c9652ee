namespace ExactlyOnce;

/// <summary>The call or the configuration is wrong and can never succeed as it is; nothing was done. The message says what to change.</summary>
public class InvalidRequestException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public InvalidRequestException(ErrorCode code, string message, Exception? innerException = null)
        : base(code, message, innerException)
    {
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.FixRequest;
}
