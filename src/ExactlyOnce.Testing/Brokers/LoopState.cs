using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>
/// The consumers that an application started by the test broker reads with in loops of its own: one that was given records and has not come back for more is at
/// work on them. Thread-safe.
/// </summary>
internal sealed class LoopState(TestScheduler scheduler)
{
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

    public void Given(TestReader reader)
    {
        lock (_lock)
            _busy[reader] = null;
    }

    /// <summary>The loop has nothing left in any of its partitions, also in those that it has paused.</summary>
    public void Waits(TestReader reader, ReadSignal signal)
    {
        lock (_lock)
        {
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
            _busy.Remove(reader);
        scheduler.Pulse();
    }
}
