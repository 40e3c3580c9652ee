namespace ExactlyOnce.Kernel.Groups.Classic;

/// <summary>
/// Sync, heartbeat, leave and timeouts of classic groups (joins: <see cref="ClassicJoins"/>). Pure: a group in, a decision out. Which call is served in
/// which state follows Kafka's ClassicGroup and GroupMetadataManager.
/// </summary>
internal static class ClassicRules
{
    public static ClassicDecision DecideSync(ClassicGroup group, ClassicSyncRequest request, GroupSettings settings, long nowMs)
    {
        var verdict = CheckSync(group, request);
        if (verdict != GroupVerdict.None)
            return Refuse(request, verdict);
        var draft = new ClassicDraft(request.Group, group, settings, nowMs);
        var member = group.TryGetMember(request.MemberId)!;
        if (group.State == GroupState.Stable)
        {
            draft.GiveShare(member);
        }
        else
        {
            draft.Replace(member with { IsAwaitingSync = true, IsSyncMissing = false });
            if (group.LeaderId == member.Id)
                draft.CompleteSync(request.Assignments);
        }
        return draft.Decide(request.MemberId, ClassicWait.Sync);
    }

    private static GroupVerdict CheckSync(ClassicGroup group, ClassicSyncRequest request)
    {
        var identity = group.Identify(request.MemberId, request.InstanceId);
        if (identity != GroupVerdict.None)
            return identity;
        if (request.Generation != group.Generation)
            return GroupVerdict.IllegalGeneration;
        if (request.ProtocolType is not null && request.ProtocolType != group.ProtocolType)
            return GroupVerdict.InconsistentGroupProtocol;
        if (group.State == GroupState.PreparingRebalance)
            return GroupVerdict.RebalanceInProgress;
        return request.Protocol is not null && request.Protocol != group.Protocol ? GroupVerdict.InconsistentGroupProtocol : GroupVerdict.None;
    }

    internal static ClassicDecision Refuse(ClassicSyncRequest request, GroupVerdict verdict) => new()
    {
        Verdict = verdict,
        Own = new ClassicAnswer { Group = request.Group, MemberId = request.MemberId, Wait = ClassicWait.Sync, Verdict = verdict },
    };

    public static GroupDecision DecideHeartbeat(
        string groupId, ClassicGroup group, string memberId, string? instanceId, int generation, GroupSettings settings, long nowMs)
    {
        var identity = group.Identify(memberId, instanceId);
        if (identity != GroupVerdict.None)
            return new GroupDecision { Verdict = identity };
        if (generation != group.Generation)
            return new GroupDecision { Verdict = GroupVerdict.IllegalGeneration };
        var draft = new ClassicDraft(groupId, group, settings, nowMs);
        draft.Touch(group.TryGetMember(memberId)!);
        var isRebalancing = group.State == GroupState.PreparingRebalance;
        return draft.Decide() with { Verdict = isRebalancing ? GroupVerdict.RebalanceInProgress : GroupVerdict.None };
    }

    /// <summary>Something was heard of a member, if it is one: its session begins anew. A member that waits has no session to renew.</summary>
    public static GroupDecision DecideHeard(string groupId, ClassicGroup group, string memberId, GroupSettings settings, long nowMs)
    {
        if (group.TryGetMember(memberId) is not { IsWaiting: false } member)
            return GroupDecision.Nothing;
        var draft = new ClassicDraft(groupId, group, settings, nowMs);
        draft.Touch(member);
        return draft.Decide();
    }

    /// <summary>A static member may be removed by its instance id alone, as administrators do.</summary>
    public static GroupDecision DecideLeave(
        string groupId, ClassicGroup group, string memberId, string? instanceId, GroupSettings settings, long nowMs)
    {
        var draft = new ClassicDraft(groupId, group, settings, nowMs);
        if (instanceId is null && draft.RemovePending(memberId))
        {
            draft.CompleteJoinIfAllJoined();
            return draft.Decide();
        }
        var isByInstance = instanceId is not null && memberId.Length == 0;
        var member = isByInstance ? group.TryGetInstance(instanceId!) : group.TryGetMember(memberId);
        var identity = isByInstance ? GroupVerdict.None : group.Identify(memberId, instanceId);
        if (identity != GroupVerdict.None || member is null)
            return new GroupDecision { Verdict = identity != GroupVerdict.None ? identity : GroupVerdict.UnknownMemberId };
        draft.Remove(member, isByInstance ? FenceReason.Removed : null);
        draft.Rebalance();
        return draft.Decide();
    }

    /// <summary>Everything that is due: sessions and ids handed out first, because who is gone need not be waited for.</summary>
    public static GroupDecision DecideTimeouts(string groupId, ClassicGroup group, GroupSettings settings, long nowMs)
    {
        var draft = new ClassicDraft(groupId, group, settings, nowMs);
        ExpireSessions(draft, group, nowMs);
        if (draft.Group.SyncDeadlineMs <= nowMs)
            draft.ExpireSync();
        // Second, because giving up the last member ends a join phase that has nobody to wait for.
        if (draft.Group.JoinDeadlineMs <= nowMs)
            draft.ExpireJoin();
        return draft.Decide();
    }

    private static void ExpireSessions(ClassicDraft draft, ClassicGroup group, long nowMs)
    {
        var anybodyLeft = false;
        foreach (var pending in group.PendingMembers)
        {
            if (pending.DeadlineMs <= nowMs)
                draft.RemovePending(pending.Id);
        }
        foreach (var member in group.Members)
        {
            if (member.EffectiveDeadlineMs > nowMs)
                continue;
            draft.Remove(member, FenceReason.SessionTimeout);
            anybodyLeft = true;
        }
        if (anybodyLeft)
            draft.Rebalance();
        else
            draft.CompleteJoinIfAllJoined();
    }

    /// <summary>After a restart: sessions and the sync phase start anew, since nobody could be heard while the broker was down.</summary>
    public static GroupDecision DecideRestart(string groupId, ClassicGroup group, GroupSettings settings, long nowMs)
    {
        if (group.Members.IsEmpty)
            return GroupDecision.Nothing;
        var draft = new ClassicDraft(groupId, group, settings, nowMs);
        draft.Restart();
        return draft.Decide();
    }
}
