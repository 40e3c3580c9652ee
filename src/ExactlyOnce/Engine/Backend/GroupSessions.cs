namespace ExactlyOnce.Engine.Backend;

/// <summary>The in-process members of all groups: who is to be told when a group has something new for a member.</summary>
internal sealed class GroupSessions
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, List<EngineGroupSession>> _byGroup = new(StringComparer.Ordinal);

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
        foreach (var member in Members(group))
            member.WakeIfPending();
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
