namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// A clock that moves when it is told to. The wall clock may jump against the monotonic one, forward and back. Timers that are due are put into the work queue,
/// so that what they do is interleaved with everything else.
/// </summary>
internal sealed class VirtualTime(ThreadGuard guard) : TimeProvider
{
    /// <summary>When every run begins.</summary>
    public static readonly long BeginningMs = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private static readonly DateTimeOffset s_beginning = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly List<VirtualTimer> _timers = [];
    private long _elapsedTicks;
    private long _jumpedTicks;
    private long _forwardTicks;

    /// <summary>Milliseconds that never go back.</summary>
    public long MonotonicMs => s_beginning.ToUnixTimeMilliseconds() + _elapsedTicks / TimeSpan.TicksPerMillisecond;

    /// <summary>As a clock that follows every step forward and none back: no broker's time goes by faster.</summary>
    public long ForwardMs => MonotonicMs + _forwardTicks / TimeSpan.TicksPerMillisecond;

    public long WallMs => GetUtcNow().ToUnixTimeMilliseconds();

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow()
    {
        guard.Check("clock");
        return s_beginning.AddTicks(_elapsedTicks + _jumpedTicks);
    }

    public override long GetTimestamp()
    {
        guard.Check("clock");
        return _elapsedTicks;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        guard.Check("timer");
        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>The same time on another clock, which has no timers yet.</summary>
    public VirtualTime Copy(ThreadGuard owner) => new(owner) { _elapsedTicks = _elapsedTicks, _jumpedTicks = _jumpedTicks };

    /// <summary>Moves on; timers fire in the order of their times, at their times.</summary>
    public void Advance(TimeSpan by, WorkQueue queue)
    {
        var target = _elapsedTicks + by.Ticks;
        while (Earliest() is { } timer && timer.DueTicks <= target)
        {
            _elapsedTicks = Math.Max(_elapsedTicks, timer.DueTicks);
            timer.Fire(queue);
        }
        _elapsedTicks = target;
    }

    /// <summary>Somebody set the machine's clock.</summary>
    public void Jump(TimeSpan by)
    {
        _jumpedTicks += by.Ticks;
        _forwardTicks += Math.Max(0, by.Ticks);
    }

    /// <summary>The process died with its timers.</summary>
    public void DropTimers() => _timers.Clear();

    private VirtualTimer? Earliest()
    {
        VirtualTimer? earliest = null;
        foreach (var timer in _timers)
            if (timer.DueTicks != long.MaxValue && (earliest is null || timer.DueTicks < earliest.DueTicks))
                earliest = timer;
        return earliest;
    }

    private sealed class VirtualTimer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        private long _periodTicks;
        private bool _isDisposed;

        public long DueTicks { get; private set; } = long.MaxValue;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (_isDisposed)
                return false;
            DueTicks = dueTime < TimeSpan.Zero ? long.MaxValue : time._elapsedTicks + dueTime.Ticks;
            _periodTicks = period > TimeSpan.Zero ? period.Ticks : 0;
            if (DueTicks != long.MaxValue && !time._timers.Contains(this))
                time._timers.Add(this);
            return true;
        }

        public void Fire(WorkQueue queue)
        {
            DueTicks = _periodTicks > 0 ? DueTicks + _periodTicks : long.MaxValue;
            if (DueTicks == long.MaxValue)
                time._timers.Remove(this);
            queue.Schedule(static timer => ((VirtualTimer)timer!).Call(), this);
        }

        public void Dispose()
        {
            _isDisposed = true;
            time._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }

        private void Call() => callback(state);
    }
}
