using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>
/// The consumers that an application started by the test broker reads with in loops of its own: one that was given records and has not come back for more is at
/// work on them. Thread-safe.
/// </summary>
internal sealed class LoopState(TestScheduler scheduler)
{
    /// <summary>
    /// Real time, and only for a loop that has ended in the middle of its work, perhaps on a thread of its own: whether its application fails or goes on with
    /// something else cannot be seen.
    /// </summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private readonly Dictionary<TestReader, ReadSignal?> _busy = [];

    public bool IsBusy
    {
        get
        {
            lock (_lock)
                return _busy.Count > 0;
        }
    }

    /// <summary>A loop has ended in the middle of its work, and its application has neither ended nor done anything else since.</summary>
    public bool IsLeaving { get; private set; }

    public void Given(TestReader reader)
    {
        lock (_lock)
        {
            IsLeaving = false;
            _busy[reader] = null;
        }
    }

    /// <summary>The loop has nothing left in any of its partitions, also in those that it has paused.</summary>
    public void Waits(TestReader reader, ReadSignal signal)
    {
        lock (_lock)
        {
            IsLeaving = false;
            _busy.Remove(reader);
            foreach (var (other, known) in _busy)
                if (known is null || known == signal)
                    _busy.Remove(other);
        }
        scheduler.Pulse();
    }

    /// <summary>What was read of a partition is with a handler, which is watched by itself.</summary>
    public void Handed(TopicPartition partition)
    {
        lock (_lock)
            foreach (var reader in _busy.Keys)
                if (reader.Partition.Id == partition)
                    _busy.Remove(reader);
    }

    public void Leave(TestReader reader)
    {
        lock (_lock)
            IsLeaving |= _busy.Remove(reader);
        scheduler.Pulse();
    }

    /// <summary>The application has ended.</summary>
    public void End()
    {
        lock (_lock)
            IsLeaving = false;
        scheduler.Pulse();
    }

    /// <summary>Gives whoever is leaving the time to end.</summary>
    public async Task WaitForEndAsync(Task changed)
    {
        await Task.WhenAny(changed, Task.Delay(s_grace)).ConfigureAwait(false);
        if (!changed.IsCompleted)
            End();
    }
}
