using System.Collections.Concurrent;
using System.IO.Pipelines;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Journal;

namespace ExactlyOnce.Engine.Backend;

/// <summary>Completes an append when its LSN becomes visible. Pooled: the journal calls it once, after that it is used again.</summary>
internal sealed class AppendWaiter : IVisibilityWaiter
{
    private const int PooledMax = 1024;
    private static readonly ConcurrentBag<AppendWaiter> s_pool = [];

    private AppendOperation? _operation;
    private PipeScheduler? _completions;

    public static AppendWaiter Rent(AppendOperation operation, PipeScheduler completions)
    {
        if (!s_pool.TryTake(out var waiter))
            waiter = new AppendWaiter();
        waiter._operation = operation;
        waiter._completions = completions;
        return waiter;
    }

    public void Return()
    {
        _operation = null;
        _completions = null;
        if (s_pool.Count < PooledMax)
            s_pool.Add(this);
    }

    public void Complete(StorageException? failure)
    {
        var (operation, completions) = (_operation!, _completions!);
        Return();
        if (failure is not null)
            operation.Outcome = new AppendOutcome { Error = ErrorCode.StorageFailure, Exception = Refusals.Failed(failure) };
        // The journal completes waiters one after the other, and the end of this one may be a caller's code: it must not hold up those behind it.
        completions.Schedule(static state => ((AppendOperation)state!).OnCompleted(), operation);
    }
}
