namespace ExactlyOnce.Testing.Brokers;

/// <summary>What a fault does.</summary>
internal enum FaultAction
{
    Crash,
    LoseAcknowledgement,
    Duplicate,
    Fence,
    TimeOut,
    Throw,
}
