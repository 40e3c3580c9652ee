using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;

namespace ExactlyOnce.Kernel.Groups;

/// <content>Membership: which rules a call meets depends on the group's kind, and an empty group changes kind with its first member.</content>
internal sealed partial class GroupCoordinatorState
{
    // Classic groups

    /// <summary>JoinGroup. The answer is <see cref="ClassicDecision.Own"/>, or comes with a later decision's <see cref="GroupDecision.Completed"/>.</summary>
    public ClassicDecision DecideClassicJoin(ClassicJoinRequest request, long nowMs)
    {
        var entry = TryGetGroup(request.Group);
        if (entry is { Kind: GroupKind.Consumer, HasMembers: true })
            return ClassicJoins.Refuse(request, request.MemberId, GroupVerdict.InconsistentGroupProtocol);
        if (entry is null && request.MemberId.Length > 0)
            return ClassicJoins.Refuse(request, request.MemberId, GroupVerdict.UnknownMemberId);
        return ClassicJoins.Decide(ClassicOf(entry), request, _settings, nowMs);
    }

    /// <summary>SyncGroup; answered like a join.</summary>
    public ClassicDecision DecideClassicSync(ClassicSyncRequest request, long nowMs) =>
        ClassicRules.DecideSync(ClassicOf(TryGetGroup(request.Group)), request, _settings, nowMs);

    public GroupDecision DecideClassicHeartbeat(string group, string memberId, string? instanceId, int generation, long nowMs) =>
        ClassicRules.DecideHeartbeat(group, ClassicOf(TryGetGroup(group)), memberId, instanceId, generation, _settings, nowMs);

    /// <summary>LeaveGroup of one member. With an empty member id a static member is removed by its instance id.</summary>
    public GroupDecision DecideClassicLeave(string group, string memberId, string? instanceId, long nowMs) =>
        ClassicRules.DecideLeave(group, ClassicOf(TryGetGroup(group)), memberId, instanceId, _settings, nowMs);

    // A group of another kind has no classic members; its generation goes on where the other kind's epoch stood.
    private static ClassicGroup ClassicOf(GroupEntry? entry) => entry switch
    {
        null => ClassicGroup.None,
        { Kind: GroupKind.Classic } => entry.Classic,
        _ => ClassicGroup.None with { Generation = entry.Generation, StateSinceMs = entry.EmptySinceMs },
    };

    // Consumer groups

    public ConsumerDecision DecideJoin(ConsumerJoinRequest request, IPartitionCounts counts, long nowMs)
    {
        var entry = TryGetGroup(request.Group);
        return entry is { Kind: GroupKind.Classic } && !IsEmptyClassic(entry)
            ? new ConsumerDecision { Verdict = GroupVerdict.InconsistentGroupProtocol }
            : ConsumerJoins.Decide(ConsumerOf(entry), request, _settings, counts, nowMs);
    }

    /// <summary>A network member's heartbeat with an epoch above 0.</summary>
    public ConsumerDecision DecideHeartbeat(ConsumerHeartbeatRequest request, IPartitionCounts counts, long nowMs) =>
        ConsumerRules.DecideHeartbeat(ConsumerOf(TryGetGroup(request.Group)), request, _settings, counts, nowMs);

    /// <summary>An in-process member between two batches. The call itself gives up what is not in the answer.</summary>
    public ConsumerDecision DecideReconcile(string group, string memberId, string? instanceId, long nowMs) =>
        ConsumerRules.DecideReconcile(group, ConsumerOf(TryGetGroup(group)), memberId, instanceId, nowMs);

    public GroupDecision DecideLeave(string group, string memberId, string? instanceId, IPartitionCounts counts, long nowMs) =>
        ConsumerRules.DecideLeave(group, ConsumerOf(TryGetGroup(group)), memberId, instanceId, counts, nowMs);

    /// <summary>A static member goes and will be back: epoch −2 of ConsumerGroupHeartbeat.</summary>
    public GroupDecision DecideLeaveTemporarily(string group, string memberId, string instanceId, long nowMs) =>
        ConsumerRules.DecideLeaveTemporarily(group, ConsumerOf(TryGetGroup(group)), memberId, instanceId, _settings, nowMs);

    /// <summary>Puts a member out: its partitions are free at once and its late commits are refused.</summary>
    public GroupDecision DecideFence(string group, string memberId, IPartitionCounts counts, long nowMs) =>
        ConsumerRules.DecideFence(group, ConsumerOf(TryGetGroup(group)), memberId, counts, nowMs);

    // A classic group that only ever handed out ids, or whose members all went.
    private static bool IsEmptyClassic(GroupEntry entry) => entry.State == GroupState.Empty;

    private static ConsumerGroup ConsumerOf(GroupEntry? entry) =>
        entry is { Kind: GroupKind.Consumer } ? entry.Consumer! : ConsumerGroup.After(entry?.Generation ?? 0);

    // All groups

    /// <summary>Everything that is due in any group: sessions, rebalances, revocations.</summary>
    public GroupDecision DecideTimeouts(IPartitionCounts counts, long nowMs) => ForEach(group => group.NextDeadlineMs > nowMs
        ? GroupDecision.Nothing
        : group.Kind == GroupKind.Classic
            ? ClassicRules.DecideTimeouts(group.Id, group.Classic, _settings, nowMs)
            : ConsumerRules.DecideTimeouts(group.Id, group.Consumer!, counts, nowMs));

    /// <summary>A topic got more partitions: consumer groups that read it get a new target. (A classic group's leader notices by itself.)</summary>
    public GroupDecision DecideTopicChange(int topic, IPartitionCounts counts, long nowMs) => ForEach(group => group.Kind == GroupKind.Consumer
        ? ConsumerRules.DecideTopicChange(group.Id, group.Consumer!, topic, counts, nowMs)
        : GroupDecision.Nothing);

    /// <summary>A topic was deleted: its offsets go, pending ones included, and consumer groups that read it get a target without it.</summary>
    public GroupDecision DecideTopicDeletion(int topic, IPartitionCounts counts, long nowMs)
    {
        var change = DecideTopicChange(topic, counts, nowMs);
        return change with { Records = [new TopicOffsetsDropped(topic), .. change.Records] };
    }

    /// <summary>
    /// Once after recovery, before calls are taken: in-process members are gone, and the epochs they took part in are over; everybody else gets a full
    /// session to come back in.
    /// </summary>
    public GroupDecision DecideRestart(IPartitionCounts counts, long nowMs) => ForEach(group => group.Kind switch
    {
        GroupKind.Classic => ClassicRules.DecideRestart(group.Id, group.Classic, _settings, nowMs),
        GroupKind.Consumer => ConsumerRules.DecideRestart(group.Id, group.Consumer!, _settings, counts, nowMs),
        _ => GroupDecision.Nothing,
    });

    // Groups do not know of each other, so their decisions can be taken side by side.
    private GroupDecision ForEach(Func<GroupEntry, GroupDecision> decide)
    {
        var records = new List<GroupRecord>();
        var completed = new List<ClassicAnswer>();
        var fenced = new List<FencedMember>();
        foreach (var group in _groups.Values)
        {
            var decision = decide(group);
            records.AddRange(decision.Records);
            completed.AddRange(decision.Completed);
            fenced.AddRange(decision.Fenced);
        }
        return new GroupDecision { Records = records, Completed = completed, Fenced = fenced };
    }
}
