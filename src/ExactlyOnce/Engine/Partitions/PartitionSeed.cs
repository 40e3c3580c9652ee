using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Partitions;

namespace ExactlyOnce.Engine.Partitions;

/// <summary>What a partition begins with: empty, or as a checkpoint left it.</summary>
internal sealed record PartitionSeed(PartitionState State, LogTail Tail, PartitionView View, int LeaderEpoch, long AppliedLsn);
