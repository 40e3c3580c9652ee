using System.Collections.Concurrent;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Journal;

namespace ExactlyOnce.Engine.Backend;

/// <summary>Completes an append when its LSN becomes visible. Pooled: the journal calls it once, after that it is used again.</summary>
internal sealed class AppendWaiter : IVisibilityWaiter
{
    private const int PooledMax = 1024;
    private static readonly ConcurrentBag<AppendWaiter> s_pool = [];

    private AppendOperation? _operation;

    public static AppendWaiter Rent(AppendOperation operation)
    {
        if (!s_pool.TryTake(out var waiter))
            waiter = new AppendWaiter();
        waiter._operation = operation;
        return waiter;
    }

    public void Return()
    {
        _operation = null;
        if (s_pool.Count < PooledMax)
            s_pool.Add(this);
    }

    public void Complete(StorageException? failure)
    {
        var operation = _operation!;
        Return();
        if (failure is not null)
            operation.Outcome = new AppendOutcome { Error = ErrorCode.StorageFailure, Exception = Refusals.Failed(failure) };
        operation.OnCompleted();
    }
}
