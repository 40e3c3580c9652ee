namespace ExactlyOnce.Kernel.Partitions;

/// <summary>What a partition says about a batch.</summary>
internal enum AppendVerdict
{
    /// <summary>Append it and apply it.</summary>
    Append,

    /// <summary>A retry of a batch that is in the log already; answer with the original's offset once the original is durable.</summary>
    Duplicate,

    /// <summary>A gap, a partial overlap, or a retry older than the batch window.</summary>
    OutOfOrderSequence,

    /// <summary>The epoch is older than the newest one known here: a zombie.</summary>
    InvalidProducerEpoch,

    /// <summary>A batch outside of transactions from a producer that is inside one.</summary>
    InvalidTransactionState,

    /// <summary>The coordinator has not enrolled this producer at this epoch here: ask it, then decide again.</summary>
    NotEnrolled,

    /// <summary>The header contradicts itself or claims what only the broker may write.</summary>
    InvalidRecord,
}
