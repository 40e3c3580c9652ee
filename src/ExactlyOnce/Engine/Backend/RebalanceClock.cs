using System.Diagnostics.CodeAnalysis;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// Measures rebalances: from the moment when a group has something new for one of its in-process members to the moment when it has for none of them. Owned by
/// <see cref="GroupSessions"/>, under its lock.
/// </summary>
internal sealed class RebalanceClock(TimeProvider time)
{
    private readonly Dictionary<string, long> _since = new(StringComparer.Ordinal);

    /// <summary>True when a rebalance of the group has just ended.</summary>
    public bool TryEnd(string group, bool isChangePending, [NotNullWhen(true)] out TimeSpan? duration)
    {
        duration = null;
        if (isChangePending)
            _since.TryAdd(group, time.GetTimestamp());
        else if (_since.Remove(group, out var since))
            duration = time.GetElapsedTime(since);
        return duration is not null;
    }
}
