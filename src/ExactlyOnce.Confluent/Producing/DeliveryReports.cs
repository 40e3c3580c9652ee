using System.Collections.Concurrent;

namespace ExactlyOnce.Confluent.Producing;

/// <summary>
/// The delivery handlers that are still to be called, in the order of the calls of Produce. Called one at a time: on a thread of the pool, or, when the client
/// polls by itself, on that of whoever polls. A handler that throws has had its report: on a thread of the pool <paramref name="failed"/> is told, elsewhere
/// whoever polls. Thread-safe.
/// </summary>
internal sealed class DeliveryReports(bool isBackground, Action<Exception> failed)
{
    private readonly ConcurrentQueue<(Task Delivered, Action Report)> _reports = new();
    private int _count;
    private int _isCalling;

    /// <summary>Records whose handler has not been called.</summary>
    public int Count => Volatile.Read(ref _count);

    public void Add(Task delivered, Action report)
    {
        Interlocked.Increment(ref _count);
        _reports.Enqueue((delivered, report));
        if (isBackground)
            Task.Run(CallInBackgroundAsync);
    }

    /// <summary>Calls what is due within the time; answers how many. None while somebody else is calling, who sees to all of them.</summary>
    public async Task<int> CallAsync(TimeSpan timeout)
    {
        var called = 0;
        // Looked at again after the calling has ended: a report that came in that moment belongs to nobody else.
        while (!_reports.IsEmpty && Interlocked.Exchange(ref _isCalling, 1) == 0)
        {
            try
            {
                var before = called;
                while (await TryCallAsync(timeout).ConfigureAwait(false))
                    called++;
                if (called == before)
                    return called;
            }
            finally
            {
                Volatile.Write(ref _isCalling, 0);
            }
        }
        return called;
    }

    private async Task CallInBackgroundAsync()
    {
        var isDone = false;
        while (!isDone)
        {
            try
            {
                await CallAsync(Timeout.InfiniteTimeSpan).ConfigureAwait(false);
                isDone = true;
            }
            catch (Exception exception)
            {
                failed(exception);
            }
        }
    }

    private async Task<bool> TryCallAsync(TimeSpan timeout)
    {
        if (!_reports.TryPeek(out var next))
            return false;
        if (!next.Delivered.IsCompleted && await Task.WhenAny(next.Delivered, Task.Delay(timeout)).ConfigureAwait(false) != next.Delivered)
            return false;
        _reports.TryDequeue(out _);
        try
        {
            next.Report();
        }
        finally
        {
            Interlocked.Decrement(ref _count);
        }
        return true;
    }
}
