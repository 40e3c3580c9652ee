namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// Reads one partition for one consumer, forward. Not thread-safe. Returns whole batches of deliverable records only: control batches are never returned, nor,
/// under read_committed, batches of aborted or open transactions.
/// </summary>
internal abstract class PartitionReader : IDisposable
{
    public abstract BackendPartition Partition { get; }

    /// <summary>
    /// The next offset that has not been returned or skipped yet. Moves past markers and aborted batches even when nothing deliverable follows them.
    /// </summary>
    public abstract long NextOffset { get; }

    /// <summary>
    /// Returns the next run of contiguous batches, at least one batch when there is one, otherwise up to about <paramref name="maxBytes"/>. The first
    /// batch may begin before the offset the reader was opened at: drop records in front of it. The memory is valid until the next call or
    /// <see cref="Dispose"/>.
    /// </summary>
    /// <exception cref="BrokerException">OffsetOutOfRange when the position was deleted or never existed; UnknownTopicOrPartition; a storage
    /// failure.</exception>
    public abstract bool TryRead(int maxBytes, out ReadOnlyMemory<byte> batches);

    /// <summary>Moves to another offset.</summary>
    public abstract void Seek(long offset);

    /// <summary>
    /// Registers <paramref name="signal"/> to be set when something new can be read; answers false, without registering, when that is so already. One-shot.
    /// </summary>
    public abstract bool TryWait(ReadSignal signal);

    public abstract void Dispose();
}
