namespace ExactlyOnce.Testing.Brokers;

/// <summary>
/// A clock that moves when it is told to. Two kinds of timers hang on it: those of clients that wait for a delay of theirs (a retry's back-off, a batch that
/// fills up), for which idle time passes by itself, and all others (deadlines, the test's own), for which it passes only on request. Thread-safe.
/// </summary>
internal sealed class TestClock : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly long _startTicks;
    private List<TestTimer>? _timers;
    private long _elapsedTicks;

    public TestClock(DateTimeOffset start)
    {
        _startTicks = start.UtcTicks;
        Clients = new ClientTime(this);
    }

    /// <summary>The same clock, as the broker's clients are given it.</summary>
    public TimeProvider Clients { get; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow() => new(_startTicks + Volatile.Read(ref _elapsedTicks), TimeSpan.Zero);

    public override long GetTimestamp() => Volatile.Read(ref _elapsedTicks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        Create(callback, state, dueTime, period, isClient: false);

    /// <summary>When the earliest delay of a client ends; null when none is waited for.</summary>
    public long? NextClientTicks => Earliest(isClient: true)?.DueTicks;

    /// <summary>When the earliest timer of any kind ends.</summary>
    public long? NextTicks => Earliest(isClient: null)?.DueTicks;

    /// <summary>Moves on without ringing; what is due by then rings with the next <see cref="Ring"/>.</summary>
    public void Jump(TimeSpan by)
    {
        lock (_lock)
            _elapsedTicks += by.Ticks;
    }

    public void MoveTo(long ticks)
    {
        lock (_lock)
            _elapsedTicks = Math.Max(_elapsedTicks, ticks);
    }

    /// <summary>Calls everything that is due, in the order of its times. False when nothing was.</summary>
    public bool Ring()
    {
        var hasRung = false;
        while (TakeDue() is { } timer)
        {
            timer.Call();
            hasRung = true;
        }
        return hasRung;
    }

    private TestTimer Create(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period, bool isClient)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new TestTimer(this, callback, state, isClient);
        timer.Change(dueTime, period);
        return timer;
    }

    private TestTimer? TakeDue()
    {
        lock (_lock)
        {
            if (EarliestLocked(isClient: null) is not { } timer || timer.DueTicks > _elapsedTicks)
                return null;
            timer.GoOn();
            return timer;
        }
    }

    private TestTimer? Earliest(bool? isClient)
    {
        lock (_lock)
            return EarliestLocked(isClient);
    }

    private TestTimer? EarliestLocked(bool? isClient)
    {
        TestTimer? earliest = null;
        if (_timers is not null)
            foreach (var timer in _timers)
                if ((isClient is null || timer.IsClient == isClient) && (earliest is null || timer.DueTicks < earliest.DueTicks))
                    earliest = timer;
        return earliest;
    }

    private sealed class ClientTime(TestClock clock) : TimeProvider
    {
        public override long TimestampFrequency => clock.TimestampFrequency;

        public override TimeZoneInfo LocalTimeZone => clock.LocalTimeZone;

        public override DateTimeOffset GetUtcNow() => clock.GetUtcNow();

        public override long GetTimestamp() => clock.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            clock.Create(callback, state, dueTime, period, isClient: true);
    }

    /// <summary>In the clock's list while it runs; all under the clock's lock.</summary>
    private sealed class TestTimer(TestClock clock, TimerCallback callback, object? state, bool isClient) : ITimer
    {
        private long _periodTicks;
        private bool _isDisposed;

        public long DueTicks { get; private set; }

        public bool IsClient => isClient;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                if (_isDisposed)
                    return false;
                clock._timers?.Remove(this);
                _periodTicks = Math.Max(period.Ticks, 0);
                if (dueTime < TimeSpan.Zero)
                    return true;
                DueTicks = clock._elapsedTicks + dueTime.Ticks;
                (clock._timers ??= []).Add(this);
                return true;
            }
        }

        public void GoOn()
        {
            if (_periodTicks > 0)
                DueTicks += _periodTicks;
            else
                clock._timers!.Remove(this);
        }

        public void Call() => callback(state);

        public void Dispose()
        {
            lock (clock._lock)
            {
                _isDisposed = true;
                clock._timers?.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
