using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>One batch of a named producer's atomic append.</summary>
internal readonly record struct NamedBatch(Partition Partition, BatchHeader Header, ReadOnlyMemory<byte> Bytes);
