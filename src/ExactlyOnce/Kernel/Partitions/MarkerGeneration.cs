namespace ExactlyOnce.Kernel.Partitions;

/// <summary>Which generation of Kafka's transaction protocol a marker belongs to.</summary>
internal enum MarkerGeneration
{
    /// <summary>The marker carries the epoch of the transaction it ends.</summary>
    V1 = 1,

    /// <summary>The marker carries the bumped epoch, so that a partition that has seen it refuses every straggler.</summary>
    V2 = 2,
}
