using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>
/// What a worker remembers of a partition whose batch failed: how often, and, once the attempts are used up, how far the search for the record reaches that is
/// to blame. Owned by the worker; only its timer comes from elsewhere.
/// </summary>
internal sealed class PartitionRetry(ConsumerSession session, ConsumedPartition partition, long end, TimeProvider time) : IDisposable
{
    private ITimer? _timer;

    /// <summary>How often the batch, or a piece of it that the search tried, has failed.</summary>
    public int Attempts { get; set; }

    /// <summary>The attempts are used up: pieces of the batch are tried, each once, until one record is left.</summary>
    public bool IsSplitting { get; set; }

    /// <summary>The record that failed last; null when only the batch is known.</summary>
    public long? FailedAt { get; set; }

    /// <summary>The offset behind the batch that failed.</summary>
    public long End => end;

    /// <summary>
    /// Goes back to <paramref name="offset"/> and gives the partition's next batch not before <paramref name="delay"/>; meanwhile the other partitions have
    /// their turn.
    /// </summary>
    public void GoBack(long offset, int recordsMax, TimeSpan delay)
    {
        partition.RecordsMax = recordsMax;
        partition.SeekTo(offset);
        if (delay <= TimeSpan.Zero)
            return;
        partition.IsPaused = true;
        _timer ??= time.CreateTimer(static state => ((PartitionRetry)state!).Resume(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(delay, Timeout.InfiniteTimeSpan);
    }

    public void Dispose()
    {
        partition.RecordsMax = null;
        _timer?.Dispose();
    }

    private void Resume()
    {
        partition.IsPaused = false;
        session.Wake();
    }
}
