using ExactlyOnce.Threading;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The partitions that a producer has written to since it numbered from 0: what the end of a transaction has to look at, however many partitions the producer
/// knows. A partition is added under its own lock and before it looks whether the transaction is still open, so that whoever has closed the transaction finds
/// every partition that has taken a record of it.
/// </summary>
internal sealed class OpenedPartitions
{
    private readonly ShortLock _lock = new();
    private readonly List<PartitionAccumulator> _opened = [];
    private readonly List<PartitionAccumulator> _copied = [];
    private readonly List<BatchOperation> _closed = [];

    public void Add(PartitionAccumulator partition)
    {
        using (_lock.Enter())
            _opened.Add(partition);
        // The list before the transaction's scope; the other side writes the scope and then reads the list.
        Interlocked.MemoryBarrier();
    }

    /// <summary>Closes the open batches. The list is the caller's, who clears it; one caller at a time.</summary>
    public List<BatchOperation> Close()
    {
        Copy(clear: false);
        foreach (var partition in _copied)
            if (partition.CloseForCommit() is { } batch)
                _closed.Add(batch);
        return _closed;
    }

    /// <summary>Drops what is open; all partitions number from 0.</summary>
    public void Restart()
    {
        Copy(clear: true);
        foreach (var partition in _copied)
            partition.Restart();
    }

    /// <summary>The locks of the partitions come before this one's.</summary>
    private void Copy(bool clear)
    {
        // Taking the lock is a full fence: the scope was closed before the list is read.
        using (_lock.Enter())
        {
            _copied.Clear();
            _copied.AddRange(_opened);
            if (clear)
                _opened.Clear();
        }
    }
}
