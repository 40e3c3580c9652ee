namespace ExactlyOnce.Testing;

/// <summary>
/// The process has died as a test planned it. Whoever meets this ran in it: a client of the broker that was open then. Create it anew, on
/// <see cref="TestBroker.Broker"/>.
/// </summary>
public sealed class BrokerCrashedException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public BrokerCrashedException(string message, Exception? innerException = null)
        : base(ErrorCode.BrokerClosed, message, innerException)
    {
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.Stop;
}
