using System.IO.Pipelines;

namespace ExactlyOnce.Clients.Producing;

/// <summary>The chain of a producer's flush epochs: batches enter the current one, a flush closes it. Thread-safe.</summary>
internal sealed class FlushEpochs(PipeScheduler scheduler)
{
    private readonly Lock _lock = new();
    private FlushEpoch _current = new(scheduler);

    /// <summary>Adds a batch to what the next flush waits for.</summary>
    public FlushEpoch Enter()
    {
        while (true)
        {
            var epoch = Volatile.Read(ref _current);
            if (epoch.TryEnter())
                return epoch;
        }
    }

    /// <summary>Closes the current epoch; completes when its batches, and those of the epochs before, are finished.</summary>
    public ValueTask DrainAsync(CancellationToken cancellationToken)
    {
        FlushEpoch closed;
        lock (_lock)
        {
            if (_current.IsIdle)
                return default;
            closed = _current;
            Volatile.Write(ref _current, closed.CreateNext());
        }
        closed.Leave();
        return new ValueTask(closed.Done.WaitAsync(cancellationToken));
    }
}
