using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>One batch of an atomic append to several partitions.</summary>
internal readonly record struct PartitionBatch(Partition Partition, BatchHeader Header, ReadOnlyMemory<byte> Bytes);
