namespace ExactlyOnce.Clients.Producing;

/// <summary>One timer for all open batches of a producer. Armed by the first batch that opens, and again by its own tick while batches are left.</summary>
internal sealed class LingerTimer : IDisposable
{
    /// <summary>Timers count whole milliseconds; less would be rounded down to a tick that comes too early, again and again.</summary>
    private static readonly TimeSpan s_finest = TimeSpan.FromMilliseconds(1);

    private readonly ITimer _timer;
    private int _isArmed;

    public LingerTimer(TimeProvider time, Action<object?> tick, object state)
    {
        // Without this the timer would carry the first caller's ambient values (activity, culture) for as long as the producer lives.
        var isSuppressed = ExecutionContext.IsFlowSuppressed();
        if (!isSuppressed)
            ExecutionContext.SuppressFlow();
        _timer = time.CreateTimer(new TimerCallback(tick), state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        if (!isSuppressed)
            ExecutionContext.RestoreFlow();
    }

    public void Arm(TimeSpan dueTime)
    {
        if (Interlocked.Exchange(ref _isArmed, 1) == 0)
            _timer.Change(dueTime < s_finest ? s_finest : dueTime, Timeout.InfiniteTimeSpan);
    }

    /// <summary>To be called first by the tick: a batch that opens while the tick looks around arms the timer for itself.</summary>
    public void Disarm() => Interlocked.Exchange(ref _isArmed, 0);

    public void Dispose() => _timer.Dispose();
}
