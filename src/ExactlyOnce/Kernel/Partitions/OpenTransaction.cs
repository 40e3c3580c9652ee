using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>A transaction with data in a partition that no marker has ended.</summary>
/// <param name="Producer">Its producer, at the epoch that wrote the data.</param>
/// <param name="FirstOffset">The offset of its first record here; it may lie below the log start.</param>
/// <param name="LastActiveMs">The broker's time of its producer's last append here. Unix milliseconds.</param>
internal readonly record struct OpenTransaction(ProducerIdentity Producer, long FirstOffset, long LastActiveMs);
