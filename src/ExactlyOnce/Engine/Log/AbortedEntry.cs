namespace ExactlyOnce.Engine.Log;

/// <summary>
/// An aborted transaction with data in this partition, as the transaction index keeps it (Kafka: AbortedTxn). Ordered by <see cref="LastOffset"/>.
/// </summary>
/// <param name="ProducerId">Whose transaction it was.</param>
/// <param name="FirstOffset">Offset of its first record.</param>
/// <param name="LastOffset">Offset of its marker.</param>
/// <param name="LastStableOffset">The last stable offset once the marker stood: tells a lookup where to stop.</param>
internal readonly record struct AbortedEntry(long ProducerId, long FirstOffset, long LastOffset, long LastStableOffset);
