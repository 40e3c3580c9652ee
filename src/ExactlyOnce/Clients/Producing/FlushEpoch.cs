using System.IO.Pipelines;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The batches sealed between two flushes. A flush seals what is open, closes the current epoch and waits until its batches, and those of the epochs before it,
/// are completed; batches sealed later belong to the next epoch and do not hold it up. Owned by one <see cref="RecordAccumulator"/>.
/// </summary>
internal sealed class FlushEpoch(PipeScheduler scheduler)
{
    private readonly TaskCompletionSource _done = new();
    private FlushEpoch? _next;

    /// <summary>Batches in flight, plus one for the epoch itself until it is closed, plus one for the epoch before it until that is done.</summary>
    private int _open = 1;

    /// <summary>True when nothing is in flight, neither here nor in the epochs before: a flush has nothing to wait for.</summary>
    public bool IsIdle => Volatile.Read(ref _open) == 1;

    public Task Done => _done.Task;

    /// <summary>Adds a batch; false when the epoch is done already and the batch belongs to a later one.</summary>
    public bool TryEnter()
    {
        var open = Volatile.Read(ref _open);
        while (open > 0)
        {
            var seen = Interlocked.CompareExchange(ref _open, open + 1, open);
            if (seen == open)
                return true;
            open = seen;
        }
        return false;
    }

    public void Leave()
    {
        if (Interlocked.Decrement(ref _open) == 0)
            scheduler.Schedule(static state => ((FlushEpoch)state!).Finish(), this);
    }

    /// <summary>Begins the next epoch. This one must stay open until the next one is published; <see cref="Leave"/> then closes it.</summary>
    public FlushEpoch CreateNext()
    {
        _next = new FlushEpoch(scheduler) { _open = 2 };
        return _next;
    }

    private void Finish()
    {
        _next!.Leave();
        _done.TrySetResult();
    }
}
