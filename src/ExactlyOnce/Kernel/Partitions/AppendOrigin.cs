namespace ExactlyOnce.Kernel.Partitions;

/// <summary>Who wants to append a batch.</summary>
internal enum AppendOrigin : byte
{
    /// <summary>A producer. A transactional batch needs the partition to be enrolled in its transaction.</summary>
    Client,

    /// <summary>A producer whose enrolment the coordinator has just decided and writes in the same frame.</summary>
    Enrolled,
}
