namespace ExactlyOnce.Engine.Environment;

/// <summary>
/// The wall clock without its steps back. When it is set back by more than a second against the monotonic clock, broker time goes on by what the monotonic
/// clock says and stays ahead by that step: otherwise every open transaction, and whatever else has a deadline, would live longer by the step. A step while no
/// broker runs is seen by <see cref="NotBefore"/>. Steps forward and the slow corrections of a clock that is being disciplined are followed. One per
/// environment; any thread.
/// </summary>
internal sealed class BrokerClock
{
    private const long StepMsMin = 1_000;

    // A correction smaller than this is not worth remembering: the two clocks are read one after the other.
    private const long DriftMs = 10;

    private readonly Lock _lock = new();
    private Course? _course;

    public long Read(TimeProvider time)
    {
        var course = Volatile.Read(ref _course);
        var wallMs = WallMs(time);
        return course is not null && Math.Abs(wallMs - MonotonicMs(time) - course.OffsetMs) <= DriftMs
            ? wallMs + course.AheadMs
            : Correct(time);
    }

    /// <summary>Broker time is at least this: what is on the disk says that it was once.</summary>
    public void NotBefore(long brokerMs, TimeProvider time)
    {
        lock (_lock)
        {
            var (wallMs, aheadMs) = (WallMs(time), _course?.AheadMs ?? 0);
            Volatile.Write(ref _course, new Course(wallMs - MonotonicMs(time), Math.Max(aheadMs, brokerMs - wallMs)));
        }
    }

    /// <summary>Both clocks are read again under the lock: what was read before may be older than the step that somebody else has just noticed.</summary>
    private long Correct(TimeProvider time)
    {
        lock (_lock)
        {
            var wallMs = WallMs(time);
            var offsetMs = wallMs - MonotonicMs(time);
            var step = _course is { } known ? offsetMs - known.OffsetMs : 0;
            var aheadMs = (_course?.AheadMs ?? 0) + (step < -StepMsMin ? -step : 0);
            Volatile.Write(ref _course, new Course(offsetMs, aheadMs));
            return wallMs + aheadMs;
        }
    }

    private static long WallMs(TimeProvider time) => time.GetUtcNow().ToUnixTimeMilliseconds();

    private static long MonotonicMs(TimeProvider time) => time.GetElapsedTime(0, time.GetTimestamp()).Ticks / TimeSpan.TicksPerMillisecond;

    /// <summary>How the wall clock stood against the monotonic one, and how far broker time is ahead of it.</summary>
    private sealed record Course(long OffsetMs, long AheadMs);
}
