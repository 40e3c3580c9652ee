using System.Collections.Immutable;
using ExactlyOnce.Kernel.Groups.Assignment;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Consumers;

/// <summary>
/// Heartbeat, leave, fencing and timeouts of consumer groups (joins: <see cref="ConsumerJoins"/>). Pure: a group in, a decision out. Rules of KIP-848
/// with one addition for in-process members: reconciling is giving up, because they call it between batches.
/// </summary>
internal static class ConsumerRules
{
    /// <summary>An in-process member between two batches: it gives up what is not meant for it and takes what has become free.</summary>
    public static ConsumerDecision DecideReconcile(string groupId, ConsumerGroup group, string memberId, string? instanceId, long nowMs)
    {
        var identity = group.Identify(memberId, instanceId);
        if (identity != GroupVerdict.None)
            return new ConsumerDecision { Verdict = identity };
        var member = group.Members[memberId];
        var draft = new ConsumerDraft(groupId, group, nowMs);
        draft.Reconcile(member, [.. member.Target]);
        return draft.Decide(memberId);
    }

    public static ConsumerDecision DecideHeartbeat(
        ConsumerGroup group, ConsumerHeartbeatRequest request, GroupSettings settings, IPartitionCounts counts, long nowMs)
    {
        var verdict = Check(group, request);
        if (verdict != GroupVerdict.None)
            return new ConsumerDecision { Verdict = verdict };
        var before = group.Members[request.MemberId];
        var draft = new ConsumerDraft(request.Group, group, nowMs);
        var member = Renew(before, request, settings, nowMs);
        draft.Put(member);
        if (member.Assignor != before.Assignor || !member.Topics.AsSpan().SequenceEqual(before.Topics.AsSpan()))
            draft.Retarget(counts);
        draft.Reconcile(draft.Get(member.Id), request.Owned is { } held ? [.. held] : null);
        return draft.Decide(member.Id);
    }

    private static GroupVerdict Check(ConsumerGroup group, ConsumerHeartbeatRequest request)
    {
        if (request.MemberEpoch <= 0)
            return GroupVerdict.InvalidRequest;
        if (request.Assignor is { } assignor && !Assignors.IsKnown(assignor))
            return GroupVerdict.UnsupportedAssignor;
        var identity = group.Identify(request.MemberId, request.InstanceId);
        if (identity != GroupVerdict.None)
            return identity;
        var member = group.Members[request.MemberId];
        return request.MemberEpoch == member.Epoch || LostAnswer(member, request) ? GroupVerdict.None : GroupVerdict.FencedMemberEpoch;
    }

    // Its answer was lost: it comes with the epoch before, and holds nothing that it was not given since.
    private static bool LostAnswer(ConsumerMember member, ConsumerHeartbeatRequest request)
    {
        if (request.MemberEpoch != member.PreviousEpoch || request.Owned is not { } held)
            return false;
        foreach (var partition in held)
        {
            if (!OwnedPartition.Contains(member.Owned, partition))
                return false;
        }
        return true;
    }

    private static ConsumerMember Renew(ConsumerMember member, ConsumerHeartbeatRequest request, GroupSettings settings, long nowMs) => member with
    {
        Topics = request.Topics is { } topics ? ConsumerJoins.Ascending(topics) : member.Topics,
        Assignor = request.Assignor ?? member.Assignor,
        RebalanceTimeoutMs = request.RebalanceTimeoutMs ?? member.RebalanceTimeoutMs,
        SessionDeadlineMs = member.Origin == MemberOrigin.Network ? nowMs + settings.ConsumerSessionTimeoutMs : long.MaxValue,
    };

    public static GroupDecision DecideLeave(string groupId, ConsumerGroup group, string memberId, string? instanceId, IPartitionCounts counts, long nowMs)
    {
        var identity = group.Identify(memberId, instanceId);
        return identity == GroupVerdict.None
            ? Remove(groupId, group, group.Members[memberId], reason: null, counts, nowMs)
            : new GroupDecision { Verdict = identity };
    }

    /// <summary>A static member goes for a moment and will come back under another id: it keeps its partitions until its session ends.</summary>
    public static GroupDecision DecideLeaveTemporarily(
        string groupId, ConsumerGroup group, string memberId, string instanceId, GroupSettings settings, long nowMs)
    {
        var identity = group.Identify(memberId, instanceId);
        if (identity != GroupVerdict.None)
            return new GroupDecision { Verdict = identity };
        var draft = new ConsumerDraft(groupId, group, nowMs);
        var member = group.Members[memberId];
        // It closed its readers: what it was told to give up is given up, and nothing is left to wait for.
        draft.Reconcile(member, [.. member.Target]);
        draft.Put(draft.Get(memberId) with { Epoch = ConsumerMember.LeftTemporarily, SessionDeadlineMs = nowMs + settings.ConsumerSessionTimeoutMs });
        return draft.Decide();
    }

    /// <summary>Puts a member out at an administrator's word.</summary>
    public static GroupDecision DecideFence(string groupId, ConsumerGroup group, string memberId, IPartitionCounts counts, long nowMs) =>
        group.TryGetMember(memberId) is { } member
            ? Remove(groupId, group, member, FenceReason.Removed, counts, nowMs)
            : new GroupDecision { Verdict = GroupVerdict.UnknownMemberId };

    public static GroupDecision DecideTimeouts(string groupId, ConsumerGroup group, IPartitionCounts counts, long nowMs)
    {
        var draft = new ConsumerDraft(groupId, group, nowMs);
        var isAnybodyLate = false;
        foreach (var member in group.Members.Values)
        {
            if (member.NextDeadlineMs > nowMs)
                continue;
            isAnybodyLate = true;
            draft.Remove(member, member.SessionDeadlineMs <= nowMs ? FenceReason.SessionTimeout : FenceReason.RebalanceTimeout);
        }
        if (isAnybodyLate)
            draft.Retarget(counts);
        return draft.Decide();
    }

    /// <summary>Partition counts changed: a new target for a group that reads the topic.</summary>
    public static GroupDecision DecideTopicChange(string groupId, ConsumerGroup group, int topic, IPartitionCounts counts, long nowMs)
    {
        if (!group.IsSubscribed(topic))
            return GroupDecision.Nothing;
        var draft = new ConsumerDraft(groupId, group, nowMs);
        draft.Retarget(counts);
        return draft.Decide();
    }

    /// <summary>
    /// After a restart: in-process members are gone, so the epoch they were part of must be over; network members get a full session to come back.
    /// </summary>
    public static GroupDecision DecideRestart(string groupId, ConsumerGroup group, GroupSettings settings, IPartitionCounts counts, long nowMs)
    {
        var draft = new ConsumerDraft(groupId, group, nowMs);
        foreach (var member in group.Members.Values)
        {
            draft.Put(member with
            {
                SessionDeadlineMs = nowMs + settings.ConsumerSessionTimeoutMs,
                RevocationDeadlineMs = member.MustGiveUp ? nowMs + member.RebalanceTimeoutMs : long.MaxValue,
            });
        }
        if (group.HasInProcessMembers)
            draft.Retarget(counts);
        return draft.Decide();
    }

    private static GroupDecision Remove(
        string groupId, ConsumerGroup group, ConsumerMember member, FenceReason? reason, IPartitionCounts counts, long nowMs)
    {
        var draft = new ConsumerDraft(groupId, group, nowMs);
        draft.Remove(member, reason);
        draft.Retarget(counts);
        return draft.Decide();
    }
}
