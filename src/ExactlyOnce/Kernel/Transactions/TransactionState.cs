namespace ExactlyOnce.Kernel.Transactions;

/// <summary>Where a transactional id stands. 0 to 7 are Kafka's persisted ids; <see cref="Prepared"/> is ours.</summary>
internal enum TransactionState : byte
{
    /// <summary>No transaction was begun since the last InitProducerId.</summary>
    Empty = 0,

    /// <summary>Open: at least one partition or group is enrolled.</summary>
    Ongoing = 1,

    /// <summary>Decided to commit; the markers may not all be written.</summary>
    PrepareCommit = 2,

    /// <summary>Decided to abort; the markers may not all be written.</summary>
    PrepareAbort = 3,

    CompleteCommit = 4,

    CompleteAbort = 5,

    /// <summary>Expired. Kafka's pending state only: here an id is removed in one step and nothing ever holds it.</summary>
    Dead = 6,

    /// <summary>About to be fenced. Kafka's pending state only: here fence and abort are one step and nothing ever holds it.</summary>
    PrepareEpochFence = 7,

    /// <summary>First phase of a two-phase commit done: durable, undecided, never timed out. Shown to Kafka's tools as Ongoing.</summary>
    Prepared = 8,
}
