using System.Collections.Immutable;

namespace ExactlyOnce.Kernel.Groups.Classic;

/// <summary>
/// The next state of a classic group while one decision works it out: starts from the present state, lives for one call, and ends as a record and the
/// answers that became due. Holds the join barrier and the sync barrier; who may call what is the rules' business (<see cref="ClassicRules"/>).
/// </summary>
internal sealed class ClassicDraft
{
    private readonly string _groupId;
    private readonly ClassicGroup _before;
    private readonly GroupSettings _settings;
    private readonly long _nowMs;
    private readonly List<ClassicMember> _members;
    private readonly List<ClassicAnswer> _answers = [];
    private readonly List<FencedMember> _fenced = [];
    private ClassicGroup _group;
    private bool _isGeneration;

    public ClassicDraft(string groupId, ClassicGroup before, GroupSettings settings, long nowMs)
    {
        _groupId = groupId;
        _before = before;
        _group = before;
        _settings = settings;
        _nowMs = nowMs;
        _members = [.. before.Members];
    }

    public GroupState State => _group.State;

    public ClassicGroup Group => _group with { Members = [.. _members] };

    /// <summary>The decision; the answer of <paramref name="caller"/> to <paramref name="wait"/>, when there is one, is its own.</summary>
    public ClassicDecision Decide(string caller, ClassicWait wait)
    {
        var own = _answers.FindLast(answer => answer.MemberId == caller && answer.Wait == wait);
        if (own is not null)
            _answers.Remove(own);
        return new ClassicDecision
        {
            Verdict = own?.Verdict ?? GroupVerdict.None,
            Own = own,
            Records = Records(),
            Completed = _answers,
            Fenced = _fenced,
        };
    }

    public GroupDecision Decide() => new() { Records = Records(), Completed = _answers, Fenced = _fenced };

    private GroupRecord[] Records()
    {
        var after = Group;
        if (after.Members.SequenceEqual(_before.Members))
            after = after with { Members = _before.Members };
        return _isGeneration || after != _before ? [new ClassicGroupChanged(_groupId, after, _isGeneration)] : [];
    }

    // Members

    public void Add(ClassicMember member, string protocolType)
    {
        RemovePending(member.Id);
        _members.Add(member);
        if (_members.Count == 1)
            _group = _group with { ProtocolType = protocolType };
        if (_group.IsInitialDelay)
            _group = _group with { HasNewMember = true };
    }

    public void Replace(ClassicMember member) => _members[IndexOf(member.Id)] = member;

    public void AddPending(string memberId, long deadlineMs) =>
        _group = _group with { PendingMembers = _group.PendingMembers.Add(new PendingClassicMember(memberId, deadlineMs)) };

    public bool RemovePending(string memberId)
    {
        var left = _group.PendingMembers.RemoveAll(pending => pending.Id == memberId);
        var found = left.Length != _group.PendingMembers.Length;
        _group = _group with { PendingMembers = left };
        return found;
    }

    /// <summary>Puts a new incarnation of a static member in the place of the old one, whose waits end fenced.</summary>
    public void TakeOver(ClassicMember old, ClassicMember successor)
    {
        AnswerWaits(old, GroupVerdict.FencedInstanceId);
        _fenced.Add(new FencedMember(_groupId, old.Id, FenceReason.InstanceTakenOver));
        _members[IndexOf(old.Id)] = successor;
        if (_group.LeaderId == old.Id)
            _group = _group with { LeaderId = successor.Id };
    }

    /// <summary>Removes a member and lets the others rebalance.</summary>
    public void Remove(ClassicMember member, FenceReason? reason)
    {
        AnswerWaits(member, GroupVerdict.UnknownMemberId);
        if (reason is { } why)
            _fenced.Add(new FencedMember(_groupId, member.Id, why));
        _members.RemoveAt(IndexOf(member.Id));
    }

    /// <summary>The durable state changed without a new generation.</summary>
    public void MarkDurable() => _isGeneration = true;

    public void Touch(ClassicMember member) =>
        Replace(member with { SessionDeadlineMs = _nowMs + member.SessionTimeoutMs });

    // The join barrier

    /// <summary>A known member joins (again): that starts a rebalance, or is one more that the running one need not wait for.</summary>
    public void BeginWaitingToJoin(string memberId)
    {
        if (State != GroupState.PreparingRebalance)
            Prepare();
        Replace(_members[IndexOf(memberId)] with { IsAwaitingJoin = true });
        CompleteJoinIfAllJoined();
    }

    /// <summary>Begins a rebalance if none is under way, and ends its join phase if nobody is missing.</summary>
    public void Rebalance()
    {
        if (State != GroupState.PreparingRebalance)
            Prepare();
        CompleteJoinIfAllJoined();
    }

    public void CompleteJoinIfAllJoined()
    {
        if (State != GroupState.PreparingRebalance || _group.IsInitialDelay || !_group.PendingMembers.IsEmpty)
            return;
        if (_members.TrueForAll(static member => member.IsAwaitingJoin))
            CompleteJoin();
    }

    /// <summary>The join deadline passed: whoever is missing stays out, except in the initial delay, which late arrivals extend.</summary>
    public void ExpireJoin()
    {
        if (_group is { IsInitialDelay: true, HasNewMember: true, InitialDelayLeftMs: > 0 })
        {
            var delay = Math.Min(_settings.InitialRebalanceDelayMs, _group.InitialDelayLeftMs);
            _group = _group with { HasNewMember = false, InitialDelayLeftMs = _group.InitialDelayLeftMs - delay, JoinDeadlineMs = _nowMs + delay };
            return;
        }
        CompleteJoin();
    }

    /// <summary>Members that joined but did not sync in time are given up, so that one dead member cannot hold the generation's assignment.</summary>
    public void ExpireSync()
    {
        foreach (var member in _members.FindAll(static member => member.IsSyncMissing))
            Remove(member, FenceReason.RebalanceTimeout);
        Rebalance();
    }

    private void Prepare()
    {
        for (var i = 0; i < _members.Count; i++)
        {
            if (_members[i].IsAwaitingSync)
            {
                AnswerSync(_members[i], GroupVerdict.RebalanceInProgress);
                Touch(_members[i]); // While it waited its session was not looked at and may long be over.
            }
            _members[i] = _members[i] with { IsAwaitingSync = false, IsSyncMissing = false };
        }
        var isInitial = State == GroupState.Empty && _settings.InitialRebalanceDelayMs > 0;
        var wait = isInitial ? _settings.InitialRebalanceDelayMs : RebalanceTimeoutMs();
        _group = _group with
        {
            State = GroupState.PreparingRebalance,
            StateSinceMs = _nowMs,
            JoinDeadlineMs = _nowMs + wait,
            SyncDeadlineMs = long.MaxValue,
            IsInitialDelay = isInitial,
            InitialDelayLeftMs = isInitial ? Math.Max(RebalanceTimeoutMs() - wait, 0) : 0,
            HasNewMember = false,
        };
    }

    private void CompleteJoin()
    {
        foreach (var member in _members.FindAll(static member => !member.IsAwaitingJoin && member.InstanceId is null))
            Remove(member, FenceReason.RebalanceTimeout);
        if (_members.Count > 0 && !_members.Exists(static member => member.IsAwaitingJoin))
        {
            // Only static members are left and none has come back: wait for one that can lead, until their sessions end.
            _group = _group with { JoinDeadlineMs = _nowMs + RebalanceTimeoutMs(), IsInitialDelay = false };
            return;
        }
        BeginGeneration();
        for (var i = 0; i < _members.Count; i++)
            AdmitToGeneration(i);
    }

    private void BeginGeneration()
    {
        _isGeneration = true;
        var isEmpty = _members.Count == 0;
        _group = _group with
        {
            State = isEmpty ? GroupState.Empty : GroupState.CompletingRebalance,
            StateSinceMs = _nowMs,
            Generation = checked(_group.Generation + 1),
            Protocol = isEmpty ? null : ClassicVotes.Select(_members),
            LeaderId = isEmpty ? null : ElectLeader(),
            JoinDeadlineMs = long.MaxValue,
            SyncDeadlineMs = isEmpty ? long.MaxValue : _nowMs + RebalanceTimeoutMs(),
            IsInitialDelay = false,
            InitialDelayLeftMs = 0,
            HasNewMember = false,
        };
    }

    private void AdmitToGeneration(int index)
    {
        var member = _members[index];
        _members[index] = member with { Assignment = default };
        if (!member.IsAwaitingJoin)
            return; // A static member that is away: its place is kept until its session ends, and nobody waits for its sync.
        _members[index] = member with
        {
            Assignment = default,
            IsAwaitingJoin = false,
            IsNew = false,
            IsSyncMissing = true,
            SessionDeadlineMs = _nowMs + member.SessionTimeoutMs,
        };
        AnswerJoin(member.Id);
    }

    private string ElectLeader()
    {
        var leader = _members.Find(member => member.Id == _group.LeaderId && member.IsAwaitingJoin)
            ?? _members.Find(static member => member.IsAwaitingJoin);
        return leader!.Id;
    }

    private int RebalanceTimeoutMs()
    {
        var longest = 0;
        foreach (var member in _members)
            longest = Math.Max(longest, member.RebalanceTimeoutMs);
        return longest;
    }

    /// <summary>Deadlines start anew after a restart.</summary>
    public void Restart()
    {
        var isSyncing = State == GroupState.CompletingRebalance;
        for (var i = 0; i < _members.Count; i++)
            _members[i] = _members[i] with { SessionDeadlineMs = _nowMs + _members[i].SessionTimeoutMs, IsSyncMissing = isSyncing };
        _group = _group with { SyncDeadlineMs = isSyncing ? _nowMs + RebalanceTimeoutMs() : long.MaxValue };
    }

    // The sync barrier

    /// <summary>The leader's assignment: the generation is stable, everybody who waits gets a share.</summary>
    public void CompleteSync(ImmutableArray<ClassicAssignment> assignments)
    {
        _isGeneration = true;
        _group = _group with { State = GroupState.Stable, StateSinceMs = _nowMs };
        var shares = new Dictionary<string, ReadOnlyMemory<byte>>(assignments.Length, StringComparer.Ordinal);
        foreach (var share in assignments)
            shares.TryAdd(share.MemberId, share.Assignment);
        for (var i = 0; i < _members.Count; i++)
        {
            _members[i] = _members[i] with { Assignment = shares.GetValueOrDefault(_members[i].Id) };
            if (_members[i].IsAwaitingSync)
                GiveShare(_members[i]);
        }
    }

    /// <summary>Answers a member's sync within a stable generation.</summary>
    public void GiveShare(ClassicMember member)
    {
        AnswerSync(member, GroupVerdict.None);
        Touch(member with { IsAwaitingSync = false, IsSyncMissing = false });
        if (!_members.Exists(static member => member.IsSyncMissing))
            _group = _group with { SyncDeadlineMs = long.MaxValue };
    }

    // Answers

    public void AnswerJoin(string memberId)
    {
        var isLeader = memberId == _group.LeaderId;
        _answers.Add(new ClassicAnswer
        {
            Group = _groupId,
            MemberId = memberId,
            Wait = ClassicWait.Join,
            Generation = _group.Generation,
            ProtocolType = _group.ProtocolType,
            Protocol = _group.Protocol,
            LeaderId = _group.LeaderId ?? "",
            Members = isLeader ? Membership() : [],
        });
    }

    /// <summary>A static member that came back into a stable generation. One that cannot be told to keep the assignment must not learn that it leads.</summary>
    public void AnswerReturningInstance(string memberId, string formerLeaderId, bool canSkipAssignment)
    {
        AnswerJoin(memberId);
        var answer = _answers[^1];
        _answers[^1] = canSkipAssignment
            ? answer with { SkipAssignment = memberId == _group.LeaderId }
            : answer with { LeaderId = formerLeaderId, Members = [] };
    }

    public void AnswerSync(ClassicMember member, GroupVerdict verdict)
    {
        var isRefused = verdict != GroupVerdict.None;
        _answers.Add(new ClassicAnswer
        {
            Group = _groupId,
            MemberId = member.Id,
            Wait = ClassicWait.Sync,
            Verdict = verdict,
            Generation = isRefused ? -1 : _group.Generation,
            ProtocolType = isRefused ? null : _group.ProtocolType,
            Protocol = isRefused ? null : _group.Protocol,
            Assignment = isRefused ? default : member.Assignment,
        });
    }

    private void AnswerWaits(ClassicMember member, GroupVerdict verdict)
    {
        if (member.IsAwaitingJoin)
            _answers.Add(new ClassicAnswer { Group = _groupId, MemberId = member.Id, Wait = ClassicWait.Join, Verdict = verdict });
        if (member.IsAwaitingSync)
            AnswerSync(member, verdict);
    }

    private ImmutableArray<ClassicAnswerMember> Membership()
    {
        var members = ImmutableArray.CreateBuilder<ClassicAnswerMember>(_members.Count);
        foreach (var member in _members)
            members.Add(new ClassicAnswerMember(member.Id, member.InstanceId, member.MetadataOf(_group.Protocol)));
        return members.MoveToImmutable();
    }

    private int IndexOf(string memberId)
    {
        var index = _members.FindIndex(member => member.Id == memberId);
        return index >= 0 ? index : throw new InvalidOperationException($"No member '{memberId}' in the draft.");
    }
}
