using Microsoft.Extensions.Time.Testing;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// A clock whose wall time can be set, forward and back, or made to stand still, while its monotonic time, and with it the timers, goes on as it is told.
/// </summary>
internal sealed class SteppingClock : TimeProvider
{
    private readonly FakeTimeProvider _monotonic = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
    private TimeSpan _ahead;
    private bool _standsStill;

    public override long TimestampFrequency => _monotonic.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => _monotonic.GetUtcNow() + _ahead;

    public override long GetTimestamp() => _monotonic.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => _monotonic.CreateTimer(callback, state, dueTime, period);

    /// <summary>Somebody sets the wall clock.</summary>
    public void Step(TimeSpan by) => _ahead += by;

    /// <summary>From now on wall time does not move, until the next call.</summary>
    public void StandStill(bool standsStill) => _standsStill = standsStill;

    /// <summary>Time passes.</summary>
    public void Advance(TimeSpan by)
    {
        if (_standsStill)
            _ahead -= by;
        _monotonic.Advance(by);
    }
}
