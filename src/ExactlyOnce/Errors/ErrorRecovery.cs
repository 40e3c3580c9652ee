namespace ExactlyOnce;

/// <summary>What a caller can do about a <see cref="BrokerException"/>; the families follow KIP-1050.</summary>
public enum ErrorRecovery
{
    /// <summary>Try the same call again, later.</summary>
    Retry,

    /// <summary>Abort the transaction; the producer goes on with the next one.</summary>
    AbortTransaction,

    /// <summary>Dispose this client and create a new one.</summary>
    RecreateClient,

    /// <summary>Correct the call or the configuration: the same call can never succeed.</summary>
    FixRequest,

    /// <summary>Stop: the broker cannot go on before somebody has looked at the cause.</summary>
    Stop,
}
