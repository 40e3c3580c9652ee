namespace ExactlyOnce.Clients.Consuming;

/// <summary>What a <see cref="RawReader"/> read. Holds the memory until it is disposed.</summary>
internal abstract class RawRead : IDisposable
{
    /// <summary>None also when there was nothing to read; OffsetOutOfRange; UnknownTopicOrPartition of a deleted topic; StorageFailure; BrokerClosed.</summary>
    public ErrorCode Error { get; protected set; }

    /// <summary>The partition's marks at the moment of the read.</summary>
    public PartitionOffsets Offsets { get; protected set; }

    /// <summary>The batches, in order, in the pieces in which they lie in the log.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Pieces { get; protected set; } = [];

    public int Bytes { get; protected set; }

    /// <summary>
    /// Under read_committed: every aborted transaction that has data among the batches, in order of first offsets. Null under read_uncommitted.
    /// </summary>
    public IReadOnlyList<AbortedRange>? Aborted { get; protected set; }

    public abstract void Dispose();
}
