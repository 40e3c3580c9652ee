namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>
/// How fast new connections are let in from other machines, before anything, TLS included, is spent on them: so many a second after a burst; those beyond wait
/// for their turn, and those for whom there is no room to wait are sent away.
/// </summary>
internal sealed class AcceptPace(int perSecond, int burst, int waitingMax, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly long _began = time.GetTimestamp();
    private readonly double _intervalMs = 1000.0 / perSecond;
    private double _nextMs = double.MinValue;

    /// <summary>How long the connection that comes now has to wait; null when it is sent away.</summary>
    public TimeSpan? Take()
    {
        lock (_lock)
        {
            var nowMs = time.GetElapsedTime(_began).TotalMilliseconds;
            var next = Math.Max(_nextMs, nowMs - (burst * _intervalMs)) + _intervalMs;
            var waitMs = Math.Max(0, next - nowMs);
            if (waitMs > waitingMax * _intervalMs)
                return null;
            _nextMs = next;
            return TimeSpan.FromMilliseconds(waitMs);
        }
    }
}
