using System.Collections.Immutable;

namespace ExactlyOnce.Kernel.Groups.Classic;

/// <summary>
/// The whole state of a classic group. Immutable: a decision computes the next one (<see cref="ClassicDraft"/>) and Apply installs it. The lower half dies
/// with the process. Only states Empty, CompletingRebalance and Stable are ever durable: a rebalance that a crash interrupts did not happen.
/// </summary>
internal sealed record ClassicGroup
{
    public static readonly ClassicGroup None = new();

    public GroupState State { get; init; } = GroupState.Empty;

    /// <summary>Counts completed joins. Grows for ever, so that a member of an older generation is told apart.</summary>
    public int Generation { get; init; }

    public string? ProtocolType { get; init; }

    /// <summary>The assignor all members support, chosen by votes.</summary>
    public string? Protocol { get; init; }

    public string? LeaderId { get; init; }

    /// <summary>When it entered <see cref="State"/>; for an empty group offsets expire from here.</summary>
    public long StateSinceMs { get; init; }

    /// <summary>In the order of their first join.</summary>
    public ImmutableArray<ClassicMember> Members { get; init; } = [];

    public ImmutableArray<PendingClassicMember> PendingMembers { get; init; } = [];

    /// <summary>When the join phase ends whoever is missing.</summary>
    public long JoinDeadlineMs { get; init; } = long.MaxValue;

    /// <summary>The first rebalance of an empty group: it waits for more members even when all known ones have joined.</summary>
    public bool IsInitialDelay { get; init; }

    /// <summary>How much longer the initial delay may be extended by members that keep arriving.</summary>
    public int InitialDelayLeftMs { get; init; }

    public bool HasNewMember { get; init; }

    /// <summary>When members that have not synced are given up.</summary>
    public long SyncDeadlineMs { get; init; } = long.MaxValue;

    public ClassicMember? TryGetMember(string id)
    {
        foreach (var member in Members)
        {
            if (member.Id == id)
                return member;
        }
        return null;
    }

    public ClassicMember? TryGetInstance(string instanceId)
    {
        foreach (var member in Members)
        {
            if (member.InstanceId == instanceId)
                return member;
        }
        return null;
    }

    /// <summary>Who speaks: the id is known, and a static member is still the holder of its instance id.</summary>
    public GroupVerdict Identify(string memberId, string? instanceId)
    {
        if (instanceId is null)
            return TryGetMember(memberId) is null ? GroupVerdict.UnknownMemberId : GroupVerdict.None;
        if (TryGetInstance(instanceId) is not { } holder)
            return GroupVerdict.UnknownMemberId;
        return holder.Id == memberId ? GroupVerdict.None : GroupVerdict.FencedInstanceId;
    }

    public long NextDeadlineMs
    {
        get
        {
            var next = Math.Min(JoinDeadlineMs, SyncDeadlineMs);
            foreach (var member in Members)
                next = Math.Min(next, member.EffectiveDeadlineMs);
            foreach (var pending in PendingMembers)
                next = Math.Min(next, pending.DeadlineMs);
            return next;
        }
    }

    /// <summary>False also when a member's subscription is not known: then nothing may be taken for unsubscribed.</summary>
    public bool IsKnownToIgnore(int topic)
    {
        foreach (var member in Members)
        {
            if (member.Topics is not { } topics || topics.AsSpan().BinarySearch(topic) >= 0)
                return false;
        }
        return true;
    }

    public void AssertInvariants()
    {
        Assert(State is not (GroupState.Dead or GroupState.Reconciling), "impossible state");
        Assert(Members.Length > 0 || State is GroupState.Empty or GroupState.PreparingRebalance, "no members in a generation");
        Assert(State != GroupState.Empty || Members.Length == 0, "members in an empty group");
        Assert(State == GroupState.PreparingRebalance == (JoinDeadlineMs != long.MaxValue), "the join deadline runs exactly while members join");
        Assert(State is GroupState.CompletingRebalance or GroupState.Stable || SyncDeadlineMs == long.MaxValue, "the sync deadline runs outside a generation");
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in Members)
        {
            Assert(ids.Add(member.Id), "a member id twice");
            Assert(member.InstanceId is null || TryGetInstance(member.InstanceId) == member, "an instance id twice");
            Assert(!member.IsAwaitingJoin || State == GroupState.PreparingRebalance, "a join wait outside a rebalance");
            Assert(!member.IsAwaitingSync || State == GroupState.CompletingRebalance, "a sync wait outside a sync phase");
        }
        Assert(State is not (GroupState.Stable or GroupState.CompletingRebalance) || LeaderId is not null && ids.Contains(LeaderId), "no leader");
        foreach (var pending in PendingMembers)
            Assert(ids.Add(pending.Id), "a pending member is also a member");
    }

    private static void Assert(bool condition, string broken)
    {
        if (!condition)
            throw new InvalidOperationException("Classic group: " + broken + ".");
    }
}
