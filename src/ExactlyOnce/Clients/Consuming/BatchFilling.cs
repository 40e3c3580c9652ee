namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// Small batches cost as much as large ones: a partition with little to give may be left alone for a while to fill up
/// (<see cref="ConsumerOptions.MaxBatchWait"/>). Used in the session's turn; its timer only sets the signal.
/// </summary>
internal sealed class BatchFilling(ConsumerOptions options, TimeProvider time, ReadSignal signal) : IAsyncDisposable
{
    private ITimer? _timer;

    public bool IsWorthReading(ConsumedPartition partition)
    {
        if (options.MaxBatchWait <= TimeSpan.Zero || partition.RecordsMax is not null || !partition.Run.IsEmpty)
            return true;
        var count = partition.Partition.CountDeliverable(partition.Position, options.Isolation);
        if (count == 0 || count >= options.MaxBatchRecords)
            return true;
        var now = time.GetTimestamp();
        partition.FillsUpUntil ??= now + (long)(options.MaxBatchWait.TotalSeconds * time.TimestampFrequency);
        return now >= partition.FillsUpUntil;
    }

    /// <summary>Makes the loop look again when a partition has had its time.</summary>
    public void WakeAt(long timestamp)
    {
        var left = time.GetElapsedTime(time.GetTimestamp(), timestamp);
        // Rounded up: a timer that fires a little early would find the partition not due yet.
        var due = TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(left.TotalMilliseconds)));
        _timer ??= time.CreateTimer(static state => ((ReadSignal)state!).Set(), signal, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(due, Timeout.InfiniteTimeSpan);
    }

    public ValueTask DisposeAsync() => _timer is null ? default : _timer.DisposeAsync();
}
