namespace ExactlyOnce.Engine.Backend;

/// <summary>The in-process members of all groups: who is to be told when a group has something new for a member.</summary>
internal sealed class GroupSessions(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly RebalanceClock _clock = new(time);
    private readonly Dictionary<string, List<EngineGroupSession>> _byGroup = new(StringComparer.Ordinal);

    /// <summary>Told of each rebalance that has ended, and how long it took.</summary>
    public Action<string, TimeSpan>? Rebalanced { get; set; }

    public void Add(EngineGroupSession session)
    {
        lock (_lock)
        {
            if (!_byGroup.TryGetValue(session.Group, out var members))
                _byGroup.Add(session.Group, members = []);
            members.Add(session);
        }
    }

    public void Remove(EngineGroupSession session)
    {
        lock (_lock)
            if (_byGroup.TryGetValue(session.Group, out var members) && members.Remove(session) && members.Count == 0)
                _byGroup.Remove(session.Group);
    }

    public void Notify(string group)
    {
        var isChangePending = false;
        foreach (var member in Members(group))
            isChangePending |= member.WakeIfPending();
        TimeSpan? duration;
        lock (_lock)
            if (!_clock.TryEnd(group, isChangePending, out duration))
                return;
        Rebalanced?.Invoke(group, duration.Value);
    }

    public void NotifyAll()
    {
        string[] groups;
        lock (_lock)
            groups = [.. _byGroup.Keys];
        foreach (var group in groups)
            Notify(group);
    }

    /// <summary>Wakes every member whether there is something new or not: the broker closes.</summary>
    public void WakeAll()
    {
        EngineGroupSession[] all;
        lock (_lock)
            all = [.. _byGroup.Values.SelectMany(members => members)];
        foreach (var member in all)
            member.Wake();
    }

    // A copy: waking looks at the group's state, under another lock.
    private EngineGroupSession[] Members(string group)
    {
        lock (_lock)
            return _byGroup.TryGetValue(group, out var members) ? [.. members] : [];
    }
}
