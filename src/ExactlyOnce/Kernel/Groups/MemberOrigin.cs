namespace ExactlyOnce.Kernel.Groups;

/// <summary>Where a member lives, and with that whether it can outlive the broker.</summary>
internal enum MemberOrigin : byte
{
    /// <summary>Dies with the process; its membership is never written down.</summary>
    InProcess = 0,
    /// <summary>Comes back after a restart with its id and epoch; its membership is durable.</summary>
    Network = 1,
}
