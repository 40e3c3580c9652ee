namespace ExactlyOnce;

/// <summary>Base of everything the broker throws about its own state: each derived class stands for one thing a caller can do about it.</summary>
public abstract class BrokerException : Exception
{
    /// <summary>Creates the exception.</summary>
    protected BrokerException(ErrorCode code, string message, Exception? innerException = null)
        : base(message, innerException) => Code = code;

    /// <summary>Names the error; numbered as in Kafka's protocol where it has a number there.</summary>
    public ErrorCode Code { get; }

    /// <summary>What to do about it.</summary>
    public abstract ErrorRecovery Recovery { get; }
}
