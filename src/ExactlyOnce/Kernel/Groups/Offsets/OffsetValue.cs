using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Offsets;

/// <summary>One partition's position as a client asks to commit it.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Offset">The next offset to read; not validated, as in Kafka.</param>
/// <param name="LeaderEpoch">The leader epoch of the last record read, −1 when unknown.</param>
/// <param name="Metadata">Free text of the client.</param>
internal readonly record struct OffsetValue(PartitionKey Partition, long Offset, int LeaderEpoch = -1, string Metadata = "");
