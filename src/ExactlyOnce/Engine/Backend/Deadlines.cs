namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// One timer for everything that has an exact deadline: transaction timeouts, members that do not give up their partitions. Armed for the earliest one known; a
/// deadline that passed by itself in the meantime costs one look.
/// </summary>
internal sealed class Deadlines : IDisposable
{
    private readonly BrokerEngine _engine;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private long _armedForMs = long.MaxValue;

    public Deadlines(BrokerEngine engine)
    {
        _engine = engine;
        _timer = engine.Environment.Time.CreateTimer(
            static state => ((Deadlines)state!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Looks for the earliest deadline again; called after anything that may have made an earlier one.</summary>
    public void Rearm() => RearmFor(EarliestMs());

    /// <summary>The same for who knows the one deadline that is new.</summary>
    public void RearmFor(long deadlineMs)
    {
        // Nearly every transaction ends later than an older one.
        if (deadlineMs >= Volatile.Read(ref _armedForMs))
            return;
        lock (_lock)
        {
            if (deadlineMs >= _armedForMs)
                return;
            Volatile.Write(ref _armedForMs, deadlineMs);
            // A deadline is the last millisecond at which nothing is too late yet.
            _timer.Change(TimeSpan.FromMilliseconds(Math.Clamp(deadlineMs - _engine.NowMs + 1, 0, int.MaxValue)), Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => _timer.Dispose();

    private long EarliestMs()
    {
        lock (_engine.State.Lock)
            return Math.Min(_engine.State.Transactions.EarliestDeadlineMs(), _engine.State.Groups.NextDeadlineMs);
    }

    private void OnTimer()
    {
        lock (_lock)
            Volatile.Write(ref _armedForMs, long.MaxValue);
        if (_engine.IsClosed)
            return;
        _engine.MeetDeadlines();
        Rearm();
    }
}
