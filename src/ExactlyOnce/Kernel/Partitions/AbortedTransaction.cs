namespace ExactlyOnce.Kernel.Partitions;

/// <summary>An aborted transaction with data in a partition: what a committed reader has to skip.</summary>
/// <param name="ProducerId">Whose batches.</param>
/// <param name="FirstOffset">The offset of the first record.</param>
/// <param name="LastOffset">The offset of the abort marker.</param>
/// <param name="LastStableOffset">The last stable offset just after the marker: where a search for lower offsets may end.</param>
internal readonly record struct AbortedTransaction(long ProducerId, long FirstOffset, long LastOffset, long LastStableOffset);
