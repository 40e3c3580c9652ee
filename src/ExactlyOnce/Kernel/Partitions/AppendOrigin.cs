namespace ExactlyOnce.Kernel.Partitions;

/// <summary>On whose behalf a batch is appended, and what the coordinator has just said about it.</summary>
internal enum AppendOrigin
{
    /// <summary>A client's batch: every check.</summary>
    Client,

    /// <summary>
    /// A client's transactional batch that the coordinator has just enrolled here, in a transaction whose sequences continue from the one before
    /// (Kafka's transaction version 1). The enrolment becomes state when the batch is applied, and only then.
    /// </summary>
    ClientEnrolledV1,

    /// <summary>The same, in a transaction that restarts its sequences at 0 (version 2, and every in-process one).</summary>
    ClientEnrolledV2,

    /// <summary>
    /// The coordinator's own batch, such as committed offsets: its sequences say nothing, only the epoch and the open transaction are looked at.
    /// </summary>
    Coordinator,
}
