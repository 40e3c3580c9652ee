namespace ExactlyOnce;

/// <summary>This client (producer, transactional producer, consumer) can do nothing any more: dispose it and create a new one.</summary>
public class ClientInvalidatedException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public ClientInvalidatedException(ErrorCode code, string message, Exception? innerException = null)
        : base(code, message, innerException)
    {
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.RecreateClient;
}
