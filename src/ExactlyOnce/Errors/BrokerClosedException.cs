namespace ExactlyOnce;

/// <summary>The broker was closed while the call was under way; nothing of the call was done. Open the broker again and create the client anew.</summary>
public sealed class BrokerClosedException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public BrokerClosedException(string message, Exception? innerException = null)
        : base(ErrorCode.BrokerClosed, message, innerException)
    {
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.RecreateClient;
}
