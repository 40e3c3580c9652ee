using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <content>Classic groups: the member's leader assigns, the group waits for everybody.</content>
internal sealed partial class EngineWireBackend
{
    private const int NameInMemberIdCharsMax = 255;

    public override async ValueTask<JoinGroupAnswer> JoinGroupAsync(JoinGroupCall call, CancellationToken cancellationToken)
    {
        ThrowIfUnable();
        var request = ToRequest(call);
        var wait = NewWait();
        var reply = _engine.Groups.JoinClassic(request, wait, _engine.NowMs);
        var (answer, lsn) = await AnswerAsync(reply, wait, cancellationToken);
        await VisibilityWait.For(_engine, lsn);
        return ToAnswer(answer);
    }

    public override async ValueTask<SyncGroupAnswer> SyncGroupAsync(SyncGroupCall call, CancellationToken cancellationToken)
    {
        ThrowIfUnable();
        var wait = NewWait();
        var reply = _engine.Groups.SyncClassic(ToRequest(call), wait, _engine.NowMs);
        var (answer, lsn) = await AnswerAsync(reply, wait, cancellationToken);
        await VisibilityWait.For(_engine, lsn);
        return new SyncGroupAnswer((ErrorCode)answer.Verdict, answer.ProtocolType, answer.Protocol, answer.Assignment);
    }

    public override async ValueTask<ErrorCode> HeartbeatAsync(GroupMember member, int generation)
    {
        ThrowIfUnable();
        var reply = _engine.Groups.HeartbeatClassic(member.Group, member.MemberId, member.InstanceId, generation, _engine.NowMs);
        await VisibilityWait.For(_engine, reply.Lsn);
        return (ErrorCode)reply.Decision.Verdict;
    }

    public override async ValueTask<ErrorCode[]> LeaveGroupAsync(string group, IReadOnlyList<LeavingMember> members)
    {
        ThrowIfUnable();
        var errors = new ErrorCode[members.Count];
        var lsn = 0L;
        for (var i = 0; i < errors.Length; i++)
        {
            var reply = _engine.Groups.LeaveByRequest(group, members[i].MemberId, members[i].InstanceId, _engine.NowMs);
            _engine.Deadlines.RearmFor(reply.DeadlineMs);
            errors[i] = (ErrorCode)reply.Decision.Verdict;
            lsn = Math.Max(lsn, reply.Lsn);
        }
        _engine.GroupSessions.Notify(group);
        await VisibilityWait.For(_engine, lsn);
        return errors;
    }

    public override ValueTask<ClassicGroupDescription[]> DescribeGroupsAsync(IReadOnlyList<string> groups) =>
        QueryAsync(state => groups.Select(group => Describe(group, state.Groups.TryGetGroup(group))).ToArray());

    public override ValueTask<IReadOnlyList<GroupListing>> ListGroupsAsync() =>
        QueryAsync<IReadOnlyList<GroupListing>>(state => [.. state.Groups.Groups.OrderBy(group => group.Id, StringComparer.Ordinal).Select(ToListing)]);

    public override async ValueTask<ErrorCode> DeleteGroupAsync(string group)
    {
        ThrowIfUnable();
        var reply = _engine.Groups.DeleteGroup(group, _engine.NowMs);
        await VisibilityWait.For(_engine, reply.Lsn);
        return (ErrorCode)reply.Decision.Verdict;
    }

    private GroupWait NewWait() => new(_engine);

    private async ValueTask<(ClassicAnswer Answer, long Lsn)> AnswerAsync(MembershipReply<ClassicDecision> reply, GroupWait wait, CancellationToken cancellationToken)
    {
        _engine.Deadlines.RearmFor(reply.DeadlineMs);
        return reply.Decision.Own is { } own ? (own, reply.Lsn) : await wait.AnswerAsync(cancellationToken);
    }

    private ClassicJoinRequest ToRequest(JoinGroupCall call) => new()
    {
        Group = call.Group,
        MemberId = call.MemberId,
        NewMemberId = NewMemberId(call.InstanceId ?? call.ClientId),
        InstanceId = call.InstanceId,
        ClientId = call.ClientId,
        ClientHost = call.ClientHost,
        SessionTimeoutMs = call.SessionTimeoutMs,
        RebalanceTimeoutMs = call.RebalanceTimeoutMs < 0 ? call.SessionTimeoutMs : call.RebalanceTimeoutMs,
        ProtocolType = call.ProtocolType,
        Protocols = [.. call.Protocols.Select(protocol => new ClassicProtocol(protocol.Name, protocol.Metadata.ToArray()))],
        Topics = ConsumerSubscription.TopicsOf(call, name => _engine.State.Topics.Find(name)?.Number),
        RequiresKnownMemberId = call.RequiresKnownMemberId,
        SupportsSkippingAssignment = call.SupportsSkippingAssignment,
    };

    /// <summary>Kafka's form of an id: whose it is can be read from it. A name of any length would make ids that no client can be told.</summary>
    private string NewMemberId(string name)
    {
        var unique = _engine.Environment.NextGuid().ToString();
        return name.Length <= NameInMemberIdCharsMax ? $"{name}-{unique}" : unique;
    }

    private static ClassicSyncRequest ToRequest(SyncGroupCall call) => new()
    {
        Group = call.Group,
        MemberId = call.MemberId,
        InstanceId = call.InstanceId,
        Generation = call.Generation,
        ProtocolType = call.ProtocolType,
        Protocol = call.Protocol,
        Assignments = [.. call.Assignments.Select(share => new ClassicAssignment(share.MemberId, share.Assignment.ToArray()))],
    };

    private static JoinGroupAnswer ToAnswer(ClassicAnswer answer) => new()
    {
        Error = (ErrorCode)answer.Verdict,
        Generation = answer.Generation,
        ProtocolType = answer.ProtocolType,
        Protocol = answer.Protocol,
        LeaderId = answer.LeaderId,
        SkipAssignment = answer.SkipAssignment,
        MemberId = answer.MemberId,
        Members = [.. answer.Members.Select(member => new JoinedMember(member.MemberId, member.InstanceId, member.Metadata))],
    };

    private static ClassicGroupDescription Describe(string id, GroupEntry? group)
    {
        if (group is null or { Kind: GroupKind.Consumer })
            return new ClassicGroupDescription { Group = id, Error = ErrorCode.GroupIdNotFound, State = nameof(GroupState.Dead) };
        var isStable = group.State == GroupState.Stable;
        return new ClassicGroupDescription
        {
            Group = id,
            State = group.State.ToString(),
            ProtocolType = group.Classic.ProtocolType ?? "",
            Protocol = isStable ? group.Classic.Protocol ?? "" : "",
            Members = [.. group.Classic.Members.Select(member => new ClassicMemberDescription(
                member.Id, member.InstanceId, member.ClientId, member.ClientHost,
                isStable ? member.MetadataOf(group.Classic.Protocol) : default, isStable ? member.Assignment : default))],
        };
    }

    private static GroupListing ToListing(GroupEntry group) => group.Kind == GroupKind.Consumer
        ? new GroupListing(group.Id, ConsumerSubscription.ProtocolType, group.State.ToString(), "Consumer")
        : new GroupListing(group.Id, group.Classic.ProtocolType ?? "", group.State.ToString(), "Classic");
}
