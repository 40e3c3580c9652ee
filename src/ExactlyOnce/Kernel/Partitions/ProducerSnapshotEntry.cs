namespace ExactlyOnce.Kernel.Partitions;

/// <summary>A producer as Kafka's snapshot files and DescribeProducers show it: its last batch only.</summary>
internal readonly record struct ProducerSnapshotEntry(
    long ProducerId, short Epoch, int LastSequence, long LastOffset, int OffsetDelta, long Timestamp, int CoordinatorEpoch, long CurrentTransactionFirstOffset);
