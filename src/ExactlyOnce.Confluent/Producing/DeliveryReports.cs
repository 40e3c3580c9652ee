using System.Collections.Concurrent;

namespace ExactlyOnce.Confluent.Producing;

/// <summary>
/// The delivery handlers that are still to be called, in the order of the calls of Produce. Called one at a time: on a thread of the pool, or, when the client polls by itself, on that of
/// whoever polls. Thread-safe.
/// </summary>
internal sealed class DeliveryReports(bool isBackground) : IDisposable
{
    private readonly ConcurrentQueue<(Task Delivered, Action Report)> _reports = new();
    private readonly SemaphoreSlim _calling = new(1, 1);
    private int _count;

    /// <summary>Records whose handler has not been called.</summary>
    public int Count => Volatile.Read(ref _count);

    public void Add(Task delivered, Action report)
    {
        Interlocked.Increment(ref _count);
        _reports.Enqueue((delivered, report));
        if (isBackground)
            Task.Run(() => CallAsync(Timeout.InfiniteTimeSpan));
    }

    /// <summary>Calls what is due within the time; answers how many.</summary>
    public async Task<int> CallAsync(TimeSpan timeout)
    {
        var called = 0;
        if (!await _calling.WaitAsync(timeout).ConfigureAwait(false))
            return 0;
        try
        {
            while (_reports.TryPeek(out var next))
            {
                if (!next.Delivered.IsCompleted && await Task.WhenAny(next.Delivered, Task.Delay(timeout)).ConfigureAwait(false) != next.Delivered)
                    break;
                _reports.TryDequeue(out _);
                try
                {
                    next.Report();
                }
                finally
                {
                    Interlocked.Decrement(ref _count);
                }
                called++;
            }
        }
        finally
        {
            _calling.Release();
        }
        return called;
    }

    public void Dispose() => _calling.Dispose();
}
