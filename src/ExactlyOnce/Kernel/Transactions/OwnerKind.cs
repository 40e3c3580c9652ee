namespace ExactlyOnce.Kernel.Transactions;

/// <summary>Where the producer of a transactional id lives: decides what a restart of the broker means for its open transaction.</summary>
internal enum OwnerKind : byte
{
    /// <summary>In the broker's process: dies with it.</summary>
    InProcess = 0,

    /// <summary>Behind a connection: may come back and go on.</summary>
    Network = 1,
}
