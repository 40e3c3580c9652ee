using System.Collections.Immutable;
using ExactlyOnce.Kernel.Groups.Assignment;

namespace ExactlyOnce.Kernel.Groups.Consumers;

/// <summary>Joins of consumer groups: a new member, a member that starts over, and the successor of a static member. Pure.</summary>
internal static class ConsumerJoins
{
    /// <summary>The joiner gets at once what is free for it.</summary>
    public static ConsumerDecision Decide(
        ConsumerGroup group, ConsumerJoinRequest request, GroupSettings settings, IPartitionCounts counts, long nowMs)
    {
        var verdict = Check(group, request, settings);
        if (verdict != GroupVerdict.None)
            return new ConsumerDecision { Verdict = verdict };
        var draft = new ConsumerDraft(request.Group, group, nowMs);
        var holder = request.InstanceId is { } instance ? group.TryGetInstance(instance) : null;
        var former = holder ?? group.TryGetMember(request.MemberId);
        var member = Enter(former, request, settings, nowMs);
        if (holder is not null && holder.Id != member.Id)
            draft.Remove(holder, holder.Epoch == ConsumerMember.LeftTemporarily ? null : FenceReason.InstanceTakenOver);
        draft.Put(member);
        if (former is null || !IsSameToTheGroup(former, member))
            draft.Retarget(counts);
        draft.Reconcile(draft.Get(member.Id), [.. draft.Get(member.Id).Target]);
        return draft.Decide(member.Id);
    }

    private static GroupVerdict Check(ConsumerGroup group, ConsumerJoinRequest request, GroupSettings settings)
    {
        if (request.Group.Length == 0 || !settings.IsValidGroupId(request.Group))
            return GroupVerdict.InvalidGroupId;
        if (request.MemberId.Length == 0 || request.RebalanceTimeoutMs <= 0)
            return GroupVerdict.InvalidRequest;
        if (!Assignors.IsKnown(request.Assignor))
            return GroupVerdict.UnsupportedAssignor;
        var holder = request.InstanceId is { } instance ? group.TryGetInstance(instance) : null;
        if (holder is not null)
            return MayTakeOver(holder, request) ? GroupVerdict.None : GroupVerdict.UnreleasedInstanceId;
        if (group.TryGetMember(request.MemberId) is { } known)
            return known.InstanceId == request.InstanceId ? GroupVerdict.None : GroupVerdict.InvalidRequest;
        return group.Members.Count >= settings.MembersMax ? GroupVerdict.GroupMaxSizeReached : GroupVerdict.None;
    }

    // Over the network an instance must be released first, so that two processes with one instance id are found out. In one process the newer one is meant.
    private static bool MayTakeOver(ConsumerMember holder, ConsumerJoinRequest request) =>
        holder.Id == request.MemberId || request.Origin == MemberOrigin.InProcess || holder.Epoch == ConsumerMember.LeftTemporarily;

    // A successor keeps place and partitions of the static member before it. Whoever starts over under its own id says that it holds nothing.
    private static ConsumerMember Enter(ConsumerMember? former, ConsumerJoinRequest request, GroupSettings settings, long nowMs)
    {
        var isSuccessor = former is not null && former.Id != request.MemberId;
        return new ConsumerMember
        {
            Id = request.MemberId,
            InstanceId = request.InstanceId,
            Origin = request.Origin,
            ClientId = request.ClientId,
            ClientHost = request.ClientHost,
            Topics = Ascending(request.Topics),
            Assignor = request.Assignor,
            RebalanceTimeoutMs = request.RebalanceTimeoutMs,
            Target = former?.Target ?? [],
            Owned = isSuccessor ? former!.Owned : [],
            SessionDeadlineMs = request.Origin == MemberOrigin.Network ? nowMs + settings.ConsumerSessionTimeoutMs : long.MaxValue,
        };
    }

    private static bool IsSameToTheGroup(ConsumerMember former, ConsumerMember member) =>
        former.Origin == member.Origin && former.Assignor == member.Assignor && former.Topics.AsSpan().SequenceEqual(member.Topics.AsSpan());

    internal static ImmutableArray<int> Ascending(ImmutableArray<int> topics) => [.. new SortedSet<int>(topics)];
}
