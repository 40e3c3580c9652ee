using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>The end of a transaction in one partition, as its control batch says it.</summary>
/// <param name="IsCommit">Committed; aborted otherwise.</param>
/// <param name="Producer">Whose transaction ends.</param>
/// <param name="CoordinatorEpoch">The coordinator that wrote it; an older one is refused.</param>
/// <param name="TimestampMs">When, Unix milliseconds.</param>
internal readonly record struct TransactionMarker(bool IsCommit, ProducerIdentity Producer, int CoordinatorEpoch, long TimestampMs);
