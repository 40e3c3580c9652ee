namespace ExactlyOnce.Kernel.Groups.Classic;

/// <summary>JoinGroup of classic groups: first join, second join with the id handed out, rejoin, and the return of a static member. Pure.</summary>
internal static class ClassicJoins
{
    public static ClassicDecision Decide(ClassicGroup group, ClassicJoinRequest request, GroupSettings settings, long nowMs)
    {
        var verdict = Check(group, request, settings);
        if (verdict != GroupVerdict.None)
            return Refuse(request, request.MemberId, verdict);
        var draft = new ClassicDraft(request.Group, group, settings, nowMs);
        if (request.MemberId.Length == 0)
            return JoinFirst(draft, group, request, settings, nowMs);
        if (request.InstanceId is null && IsPending(group, request.MemberId))
            return JoinNew(draft, request, request.MemberId, settings, nowMs);
        var identity = group.Identify(request.MemberId, request.InstanceId);
        return identity == GroupVerdict.None ? Rejoin(draft, group, request, nowMs) : Refuse(request, request.MemberId, identity);
    }

    private static GroupVerdict Check(ClassicGroup group, ClassicJoinRequest request, GroupSettings settings)
    {
        if (request.Group.Length == 0 || !settings.IsValidGroupId(request.Group))
            return GroupVerdict.InvalidGroupId;
        if (request.SessionTimeoutMs < settings.MinSessionTimeoutMs || request.SessionTimeoutMs > settings.MaxSessionTimeoutMs)
            return GroupVerdict.InvalidSessionTimeout;
        if (request.Protocols.IsEmpty || request.ProtocolType.Length == 0)
            return GroupVerdict.InconsistentGroupProtocol;
        var replaced = request.InstanceId is { } instance ? group.TryGetInstance(instance)?.Id : request.MemberId;
        if (!group.Members.IsEmpty && (group.ProtocolType != request.ProtocolType || !ClassicVotes.HaveCommon(group, request.Protocols, replaced)))
            return GroupVerdict.InconsistentGroupProtocol;
        var isNew = request.MemberId.Length == 0 && string.IsNullOrEmpty(replaced);
        var isFull = group.Members.Length + group.PendingMembers.Length >= settings.MembersMax;
        return isNew && isFull ? GroupVerdict.GroupMaxSizeReached : GroupVerdict.None;
    }

    private static ClassicDecision JoinFirst(ClassicDraft draft, ClassicGroup group, ClassicJoinRequest request, GroupSettings settings, long nowMs)
    {
        if (request.InstanceId is { } instance && group.TryGetInstance(instance) is { } holder)
            return Return(draft, group, request, holder, nowMs);
        if (request.InstanceId is not null || !request.RequiresKnownMemberId)
            return JoinNew(draft, request, request.NewMemberId, settings, nowMs);
        draft.AddPending(request.NewMemberId, nowMs + request.SessionTimeoutMs);
        return Refuse(request, request.NewMemberId, GroupVerdict.MemberIdRequired) with { Records = draft.Decide().Records };
    }

    private static ClassicDecision JoinNew(ClassicDraft draft, ClassicJoinRequest request, string memberId, GroupSettings settings, long nowMs)
    {
        var member = Subscribe(new ClassicMember { Id = memberId, InstanceId = request.InstanceId }, request);
        draft.Add(member with { IsAwaitingJoin = true, IsNew = true, SessionDeadlineMs = nowMs + settings.NewMemberJoinTimeoutMs }, request.ProtocolType);
        draft.Rebalance();
        return draft.Decide(memberId, ClassicWait.Join);
    }

    private static ClassicDecision Rejoin(ClassicDraft draft, ClassicGroup group, ClassicJoinRequest request, long nowMs)
    {
        var member = group.TryGetMember(request.MemberId)!;
        var isLostAnswer = member.Matches(request.Protocols)
            && (group.State == GroupState.CompletingRebalance || group.State == GroupState.Stable && group.LeaderId != member.Id);
        if (isLostAnswer)
        {
            draft.Touch(member);
            draft.AnswerJoin(member.Id);
            return draft.Decide(member.Id, ClassicWait.Join);
        }
        draft.Replace(Subscribe(member, request) with { SessionDeadlineMs = nowMs + request.SessionTimeoutMs });
        draft.BeginWaitingToJoin(member.Id);
        return draft.Decide(member.Id, ClassicWait.Join);
    }

    /// <summary>
    /// A static member came back under a new id. Its old incarnation is fenced; the others notice nothing as long as the choice of assignor and its
    /// subscription stay what they were.
    /// </summary>
    private static ClassicDecision Return(ClassicDraft draft, ClassicGroup group, ClassicJoinRequest request, ClassicMember holder, long nowMs)
    {
        var successor = Subscribe(holder, request) with
        {
            Id = request.NewMemberId,
            SessionDeadlineMs = nowMs + request.SessionTimeoutMs,
            IsAwaitingJoin = false,
            IsNew = false,
            IsAwaitingSync = false,
        };
        var formerLeader = group.LeaderId ?? "";
        draft.TakeOver(holder, successor);
        if (group.State == GroupState.Stable && KeepsSubscription(holder, request) && ClassicVotes.Select([.. draft.Group.Members]) == group.Protocol)
        {
            draft.MarkDurable();
            draft.AnswerReturningInstance(successor.Id, formerLeader, request.SupportsSkippingAssignment);
        }
        else
        {
            draft.BeginWaitingToJoin(successor.Id);
        }
        return draft.Decide(successor.Id, ClassicWait.Join);
    }

    // Metadata cannot be compared byte by byte: a consumer's names what it owned, and that changes with every restart.
    private static bool KeepsSubscription(ClassicMember holder, ClassicJoinRequest request) =>
        holder.Topics is not { } before || request.Topics is not { } after || before.AsSpan().SequenceEqual(after.AsSpan());

    private static ClassicMember Subscribe(ClassicMember member, ClassicJoinRequest request) => member with
    {
        ClientId = request.ClientId,
        ClientHost = request.ClientHost,
        SessionTimeoutMs = request.SessionTimeoutMs,
        RebalanceTimeoutMs = request.RebalanceTimeoutMs,
        Protocols = request.Protocols,
        Topics = request.Topics,
    };

    private static bool IsPending(ClassicGroup group, string memberId)
    {
        foreach (var pending in group.PendingMembers)
        {
            if (pending.Id == memberId)
                return true;
        }
        return false;
    }

    internal static ClassicDecision Refuse(ClassicJoinRequest request, string memberId, GroupVerdict verdict) => new()
    {
        Verdict = verdict,
        Own = new ClassicAnswer { Group = request.Group, MemberId = memberId, Wait = ClassicWait.Join, Verdict = verdict },
    };
}
