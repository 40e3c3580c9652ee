namespace ExactlyOnce.Testing.History;

/// <summary>What every history of an exactly-once log has to satisfy. The numbers are those of the proof's plan: I1 to I23.</summary>
public enum Invariant
{
    /// <summary>I1: what was acknowledged is in every later read of its place, unless retention or compaction may have removed it.</summary>
    NoLoss = 1,

    /// <summary>I2: no value is read at two places, and no consumer is given a place twice.</summary>
    NoDuplicate = 2,

    /// <summary>I3: no read_committed reader ever sees a value of a transaction that is open or aborted, and nobody a value whose write has failed.</summary>
    NoAbortedRead = 3,

    /// <summary>I4: what is read was written, as it was written, where it was written.</summary>
    Genuine = 4,

    /// <summary>I5: an offset stands for one value and a value for one offset, over all answers, reads and openings.</summary>
    OneValuePerOffset = 5,

    /// <summary>I6: a later read continues an earlier one: nothing that was read goes away, nothing appears in front of what was read.</summary>
    Prefix = 6,

    /// <summary>I7: what a broker recovers is a prefix of its log with everything that was acknowledged or read.</summary>
    NoHoleAfterCrash = 7,

    /// <summary>I8: the writes of one session to one partition stand in the order of their calls, without gap.</summary>
    ProducerOrder = 8,

    /// <summary>I9: a transaction takes effect as a whole or not at all, and is decided once.</summary>
    Atomic = 9,

    /// <summary>I10: readers end where they have to; last stable offset ≤ high watermark ≤ durable end ≤ log end, and none of them goes back.</summary>
    BoundedRead = 10,

    /// <summary>I11: the committed offset of a group and partition is a linearizable register.</summary>
    OffsetsRegister = 11,

    /// <summary>I12: a transform has exactly one visible output for every input below its group's position, and none above.</summary>
    ExactlyOnceTransform = 12,

    /// <summary>I13: after a transactional id was taken over, its older sessions write nothing and end nothing.</summary>
    Fencing = 13,

    /// <summary>I14: a repeated batch is answered with the offset of the original.</summary>
    IdempotentAnswer = 14,

    /// <summary>I15: when all clients are gone, nothing stays open or in motion.</summary>
    Liveness = 15,

    /// <summary>I16: recovering a directory again gives the same state.</summary>
    RepeatableRecovery = 16,

    /// <summary>I17: what is derived from the log equals what was loaded.</summary>
    DerivedState = 17,

    /// <summary>I18: compaction keeps the newest committed value of every key, and the log's end.</summary>
    Compaction = 18,

    /// <summary>I19: nothing is acknowledged after a failed write or sync, nor before it is durable.</summary>
    FailStop = 19,

    /// <summary>I20: the order in which committed transactions depend on each other has no cycle.</summary>
    SnapshotIsolation = 20,

    /// <summary>I21: a question for a time is answered with the first record at or after it.</summary>
    TimeQuery = 21,

    /// <summary>I22: a partition has one owner in a group, and only the owner commits.</summary>
    Ownership = 22,

    /// <summary>I23: memory, handles and disk stay within their stated bounds.</summary>
    ResourceBound = 23,
}
