using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Partitions;

namespace ExactlyOnce.Engine.Partitions;

/// <summary>What a partition begins with: empty, or as a checkpoint left it. The tail goes on at <paramref name="TailOffset"/>, behind the segments.</summary>
internal sealed record PartitionSeed(PartitionState State, LogTail Tail, LogSegment[] Segments, long TailOffset, int LeaderEpoch, long AppliedLsn);
