using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>What a call about membership is answered.</summary>
/// <param name="Decision">The kernel's decision.</param>
/// <param name="Lsn">The newest state it relied on.</param>
/// <param name="DeadlineMs">When the group has something to do next; <see cref="long.MaxValue"/> for never.</param>
internal readonly record struct MembershipReply<TDecision>(TDecision Decision, long Lsn, long DeadlineMs)
    where TDecision : GroupDecision;

/// <content>What clients behind a connection do: classic groups, whose answers wait, and consumer groups by heartbeat.</content>
internal sealed partial class GroupCoordinator
{
    private static readonly ConsumerDecision s_tooLarge = new() { Verdict = GroupVerdict.GroupMaxSizeReached };

    /// <summary>JoinGroup. The waiter is told when the decision says that the caller must wait.</summary>
    public MembershipReply<ClassicDecision> JoinClassic(ClassicJoinRequest request, IClassicWaiter waiter, long nowMs)
    {
        Outcome<ClassicDecision> outcome;
        IClassicWaiter? former = null;
        bool isOver;
        lock (state.Lock)
        {
            isOver = waits.IsOver;
            var decision = state.Groups.DecideClassicJoin(request, nowMs);
            outcome = HasRoomFor(decision)
                ? Change(request.Group, decision, nowMs)
                : Refused(request.Group, ClassicJoins.Refuse(request, request.MemberId, GroupVerdict.GroupMaxSizeReached));
            if (outcome.Reply.Decision.MustWait)
                former = waits.Add(request.Group, JoinerOf(request), ClassicWait.Join, waiter);
        }
        former?.Answer(ComeBack(request.Group, JoinerOf(request), ClassicWait.Join), outcome.Reply.Lsn);
        if (isOver)
            AbandonWaits();
        return outcome.Tell();
    }

    /// <summary>SyncGroup; waits like a join.</summary>
    public MembershipReply<ClassicDecision> SyncClassic(ClassicSyncRequest request, IClassicWaiter waiter, long nowMs)
    {
        Outcome<ClassicDecision> outcome;
        IClassicWaiter? former = null;
        bool isOver;
        lock (state.Lock)
        {
            isOver = waits.IsOver;
            var decision = state.Groups.DecideClassicSync(request, nowMs);
            outcome = HasRoomFor(decision)
                ? Change(request.Group, decision, nowMs)
                : Refused(request.Group, ClassicRules.Refuse(request, GroupVerdict.PolicyViolation));
            if (outcome.Reply.Decision.MustWait)
                former = waits.Add(request.Group, request.MemberId, ClassicWait.Sync, waiter);
        }
        former?.Answer(ComeBack(request.Group, request.MemberId, ClassicWait.Sync), outcome.Reply.Lsn);
        if (isOver)
            AbandonWaits();
        return outcome.Tell();
    }

    public MembershipReply<GroupDecision> HeartbeatClassic(string group, string memberId, string? instanceId, int generation, long nowMs)
    {
        Outcome<GroupDecision> outcome;
        lock (state.Lock)
            outcome = Change(group, state.Groups.DecideClassicHeartbeat(group, memberId, instanceId, generation, nowMs), nowMs);
        return outcome.Tell();
    }

    /// <summary>LeaveGroup of one member, which may also be one of a consumer group that an administrator removes by its instance id.</summary>
    public MembershipReply<GroupDecision> LeaveByRequest(string group, string memberId, string? instanceId, long nowMs)
    {
        Outcome<GroupDecision> outcome;
        lock (state.Lock)
            outcome = Change(
                group,
                state.Groups.TryGetGroup(group) is { Kind: GroupKind.Consumer } entry
                    ? LeaveConsumers(entry, memberId, instanceId, nowMs)
                    : state.Groups.DecideClassicLeave(group, memberId, instanceId, nowMs),
                nowMs);
        return outcome.Tell();
    }

    private GroupDecision LeaveConsumers(GroupEntry group, string memberId, string? instanceId, long nowMs) =>
        memberId.Length == 0 && instanceId is not null
            ? state.Groups.DecideFence(group.Id, group.Consumer!.TryGetInstance(instanceId)?.Id ?? "", _counts, nowMs)
            : state.Groups.DecideLeave(group.Id, memberId, instanceId, _counts, nowMs);

    /// <summary>ConsumerGroupHeartbeat with epoch 0.</summary>
    public MembershipReply<ConsumerDecision> JoinConsumers(ConsumerJoinRequest request, long nowMs)
    {
        lock (state.Lock)
        {
            var decision = state.Groups.DecideJoin(request, _counts, nowMs);
            return Change(request.Group, HasRoomFor(decision) ? decision : s_tooLarge, nowMs).Reply;
        }
    }

    /// <summary>ConsumerGroupHeartbeat of a member. Tells whether what the member may read has changed by it.</summary>
    public MembershipReply<ConsumerDecision> HeartbeatConsumers(ConsumerHeartbeatRequest request, long nowMs, out bool isChanged)
    {
        lock (state.Lock)
        {
            var owned = state.Groups.TryGetGroup(request.Group)?.Consumer?.TryGetMember(request.MemberId)?.Owned ?? [];
            var decision = state.Groups.DecideHeartbeat(request, _counts, nowMs);
            if (!HasRoomFor(decision))
                decision = s_tooLarge;
            isChanged = decision.Assignment is { } assignment && !owned.Select(partition => partition.Partition).SequenceEqual(assignment.Partitions);
            return Change(request.Group, decision, nowMs).Reply;
        }
    }

    /// <summary>A static member goes and will be back.</summary>
    public MembershipReply<GroupDecision> LeaveTemporarily(string group, string memberId, string instanceId, long nowMs)
    {
        lock (state.Lock)
            return Change(group, state.Groups.DecideLeaveTemporarily(group, memberId, instanceId, nowMs), nowMs).Reply;
    }

    /// <summary>Committed offsets as a client asks for them; <paramref name="partitions"/> null: all there are, named in the answer.</summary>
    public (GroupVerdict Verdict, IReadOnlyList<PartitionKey> Partitions, FetchedOffset[] Offsets, long Lsn) FetchFor(
        string group, string memberId, int memberEpoch, IReadOnlyList<PartitionKey>? partitions, bool requireStable)
    {
        lock (state.Lock)
        {
            var verdict = state.Groups.CheckFetch(group, memberId, memberEpoch);
            var asked = verdict != GroupVerdict.None ? [] : partitions ?? state.Groups.PartitionsWithOffsets(group);
            return (verdict, asked, state.Groups.Fetch(group, asked, requireStable), state.AppliedLsn);
        }
    }

    /// <summary>OffsetDelete.</summary>
    public GroupReply<OffsetCommitDecision> DeleteOffsets(string group, IReadOnlyList<PartitionKey> partitions, long nowMs)
    {
        lock (state.Lock)
            return CarryOut(state.Groups.DecideDeleteOffsets(group, partitions), nowMs);
    }

    /// <summary>The waiter's connection is gone. The member stays: it is the group's timers that give it up.</summary>
    public bool StopWaiting(IClassicWaiter waiter)
    {
        lock (state.Lock)
            return waits.Remove(waiter);
    }

    /// <summary>Nobody will be answered any more.</summary>
    public void AbandonWaits()
    {
        IClassicWaiter[] abandoned;
        lock (state.Lock)
            abandoned = waits.TakeAll();
        foreach (var waiter in abandoned)
            waiter.Abandon();
    }

    private Outcome<TDecision> Change<TDecision>(string group, TDecision decision, long nowMs)
        where TDecision : GroupDecision
    {
        var reply = CarryOut(decision, nowMs);
        var deadlineMs = state.Groups.TryGetGroup(group)?.NextDeadlineMs ?? long.MaxValue;
        return new Outcome<TDecision>(new MembershipReply<TDecision>(decision, reply.Lsn, deadlineMs), waits.Take(decision.Completed, reply.Lsn));
    }

    private Outcome<ClassicDecision> Refused(string group, ClassicDecision decision) =>
        new(new MembershipReply<ClassicDecision>(decision, state.AppliedLsn, state.Groups.TryGetGroup(group)?.NextDeadlineMs ?? long.MaxValue), []);

    // A group's whole state is one record. It is judged when it grows, also where nothing of it is durable yet: the generation that will be has to fit.
    private bool HasRoomFor(GroupDecision decision)
    {
        var bytes = 0L;
        foreach (var record in decision.Records)
            bytes += GroupRecordSize.AtMost(record);
        return composer.HasRoomFor(bytes, decision.Records.Count);
    }

    // A static member that comes back gets a new id, and so does one that needs none to begin with.
    private static string JoinerOf(ClassicJoinRequest request) => request.MemberId.Length > 0 ? request.MemberId : request.NewMemberId;

    private static ClassicAnswer ComeBack(string group, string memberId, ClassicWait wait) => new()
    {
        Group = group,
        MemberId = memberId,
        Wait = wait,
        Verdict = GroupVerdict.RebalanceInProgress,
    };

    /// <summary>A reply, and the waits that ended with it.</summary>
    private readonly record struct Outcome<TDecision>(MembershipReply<TDecision> Reply, EndedWait[] Ended)
        where TDecision : GroupDecision
    {
        /// <summary>After the lock is released.</summary>
        public MembershipReply<TDecision> Tell()
        {
            foreach (var ended in Ended)
                ended.Tell();
            return Reply;
        }
    }
}
