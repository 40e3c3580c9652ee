using System.Collections.Immutable;
using System.Text.RegularExpressions;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Assignment;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <content>Consumer groups after KIP-848: a member says what it reads, the group says what it may read.</content>
internal sealed partial class EngineWireBackend
{
    private const int Join = 0;
    private const int Leave = -1;
    private const int LeaveTemporarily = -2;

    private readonly MemberSubscriptions _subscriptions = new();

    public override async ValueTask<ConsumerHeartbeatAnswer> ConsumerGroupHeartbeatAsync(ConsumerHeartbeatCall call)
    {
        ThrowIfUnable();
        if (call.MemberId.Length == 0 && call.MayLackMemberId && call.MemberEpoch == Join)
            call = call with { MemberId = _engine.Environment.NextGuid().ToString() };
        if (call.MemberEpoch < LeaveTemporarily || call.MemberId.Length == 0)
            return Refused(call, ErrorCode.InvalidRequest, "A member needs an id and an epoch of −2 or more.");
        if (call.TopicRegex is { Length: > 0 } regex && !NamePattern.TryParse(regex, out _))
            return Refused(call, ErrorCode.InvalidRegularExpression, $"'{regex}' is not a regular expression as RE2 knows them.");
        var answer = await CarryOutAsync(call);
        _engine.GroupSessions.Notify(call.Group);
        return answer;
    }

    private async ValueTask<ConsumerHeartbeatAnswer> CarryOutAsync(ConsumerHeartbeatCall call)
    {
        try
        {
            return await (call.MemberEpoch switch
            {
                Join => JoinAsync(call),
                Leave or LeaveTemporarily => LeaveAsync(call),
                _ => BeatAsync(call),
            });
        }
        catch (RegexMatchTimeoutException)
        {
            return Refused(call, ErrorCode.InvalidRegularExpression, "What the regular expression stands for cannot be told in time.");
        }
    }

    public override ValueTask<ConsumerGroupDescription[]> DescribeConsumerGroupsAsync(IReadOnlyList<string> groups) =>
        QueryAsync(state => groups.Select(group => Describe(group, state.Groups.TryGetGroup(group), state)).ToArray());

    private async ValueTask<ConsumerHeartbeatAnswer> JoinAsync(ConsumerHeartbeatCall call)
    {
        if (call.TopicNames is null && string.IsNullOrEmpty(call.TopicRegex))
            return Refused(call, ErrorCode.InvalidRequest, "Who joins says what it subscribes to.");
        var subscription = Subscribe(call, null);
        var reply = _engine.Groups.JoinConsumers(
            new ConsumerJoinRequest
            {
                Group = call.Group,
                MemberId = call.MemberId,
                InstanceId = call.InstanceId,
                Origin = MemberOrigin.Network,
                ClientId = call.ClientId,
                ClientHost = call.ClientHost,
                Topics = subscription.Resolve(_engine.State.Topics, call.MayKnowOf, _engine.Environment.Time),
                Assignor = call.Assignor ?? Assignors.Uniform,
                RebalanceTimeoutMs = call.RebalanceTimeoutMs,
            },
            _engine.NowMs);
        if (reply.Decision.Verdict == GroupVerdict.None)
            _subscriptions.Set(call.Group, call.MemberId, subscription, IsMember);
        return await AnswerAsync(call, reply, isAssignmentSaid: true);
    }

    private async ValueTask<ConsumerHeartbeatAnswer> BeatAsync(ConsumerHeartbeatCall call)
    {
        var former = _subscriptions.Find(call.Group, call.MemberId);
        var isResubscribed = call.TopicNames is not null || call.TopicRegex is not null || call.RackId is not null;
        var subscription = isResubscribed ? Subscribe(call, former) : former;
        var reply = _engine.Groups.HeartbeatConsumers(
            new ConsumerHeartbeatRequest
            {
                Group = call.Group,
                MemberId = call.MemberId,
                InstanceId = call.InstanceId,
                MemberEpoch = call.MemberEpoch,
                Owned = call.Owned is { } owned ? ToKeys(owned) : null,
                // Also when nothing new was said: a topic may have come that the words stand for.
                Topics = subscription?.Resolve(_engine.State.Topics, call.MayKnowOf, _engine.Environment.Time),
                Assignor = call.Assignor,
                RebalanceTimeoutMs = call.RebalanceTimeoutMs < 0 ? null : call.RebalanceTimeoutMs,
            },
            _engine.NowMs,
            out var isChanged);
        if (reply.Decision.Verdict == GroupVerdict.UnknownMemberId)
            _subscriptions.Remove(call.Group, call.MemberId);
        else if (reply.Decision.Verdict == GroupVerdict.None && isResubscribed)
            _subscriptions.Set(call.Group, call.MemberId, subscription!, IsMember);
        // Who says everything anew, or comes with an epoch that is over, has lost an answer and wants everything anew.
        var isFull = call.RebalanceTimeoutMs >= 0 && isResubscribed && call.Owned is not null;
        return await AnswerAsync(call, reply, isAssignmentSaid: isChanged || isFull || reply.Decision.Assignment?.MemberEpoch != call.MemberEpoch);
    }

    private async ValueTask<ConsumerHeartbeatAnswer> LeaveAsync(ConsumerHeartbeatCall call)
    {
        if (call.MemberEpoch == LeaveTemporarily && call.InstanceId is null)
            return Refused(call, ErrorCode.InvalidRequest, "Only a static member leaves for a while.");
        var reply = call.MemberEpoch == LeaveTemporarily
            ? _engine.Groups.LeaveTemporarily(call.Group, call.MemberId, call.InstanceId!, _engine.NowMs)
            : _engine.Groups.LeaveByRequest(call.Group, call.MemberId, call.InstanceId, _engine.NowMs);
        _engine.Deadlines.RearmFor(reply.DeadlineMs);
        if (reply.Decision.Verdict == GroupVerdict.None)
            _subscriptions.Remove(call.Group, call.MemberId);
        await VisibilityWait.For(_engine, reply.Lsn);
        return reply.Decision.Verdict != GroupVerdict.None
            ? Refused(call, (ErrorCode)reply.Decision.Verdict, null)
            : new ConsumerHeartbeatAnswer { MemberId = call.MemberId, MemberEpoch = call.MemberEpoch };
    }

    private async ValueTask<ConsumerHeartbeatAnswer> AnswerAsync(ConsumerHeartbeatCall call, MembershipReply<ConsumerDecision> reply, bool isAssignmentSaid)
    {
        _engine.Deadlines.RearmFor(reply.DeadlineMs);
        await VisibilityWait.For(_engine, reply.Lsn);
        if (reply.Decision.Assignment is not { } assignment)
            return Refused(call, (ErrorCode)reply.Decision.Verdict, null);
        return new ConsumerHeartbeatAnswer
        {
            MemberId = call.MemberId,
            MemberEpoch = assignment.MemberEpoch,
            HeartbeatIntervalMs = Milliseconds(_settings.ConsumerHeartbeatInterval),
            Assignment = isAssignmentSaid ? ToTopics(assignment.Partitions, _engine.State.Topics) : null,
        };
    }

    private ConsumerHeartbeatAnswer Refused(ConsumerHeartbeatCall call, ErrorCode error, string? message) => new()
    {
        Error = error,
        Message = message ?? Refusals.Of((GroupVerdict)error, call.Group).Message,
        MemberId = call.MemberId,
        MemberEpoch = call.MemberEpoch,
        HeartbeatIntervalMs = Milliseconds(_settings.ConsumerHeartbeatInterval),
    };

    private static MemberSubscription Subscribe(ConsumerHeartbeatCall call, MemberSubscription? former)
    {
        var regex = call.TopicRegex is null ? former?.Regex : call.TopicRegex.Length == 0 ? null : call.TopicRegex;
        var pattern = regex is not null && NamePattern.TryParse(regex, out var parsed) ? parsed : null;
        return new MemberSubscription(call.TopicNames ?? former?.Names ?? [], regex, pattern, call.RackId ?? former?.RackId);
    }

    private bool IsMember(string group, string memberId)
    {
        lock (_engine.State.Lock)
            return _engine.State.Groups.TryGetGroup(group)?.Consumer?.TryGetMember(memberId) is not null;
    }

    // A topic that is gone is no longer read.
    private ImmutableArray<PartitionKey> ToKeys(IReadOnlyList<AssignedTopic> owned)
    {
        var keys = ImmutableArray.CreateBuilder<PartitionKey>();
        foreach (var assigned in owned)
            if (_engine.State.Topics.Find(assigned.TopicId) is { } topic)
                foreach (var index in assigned.Partitions)
                    keys.Add(new PartitionKey(topic.Number, index));
        return keys.ToImmutable();
    }

    private AssignedTopic[] ToTopics(IEnumerable<PartitionKey> partitions, TopicCatalog topics) =>
        [.. ToNames(partitions).GroupBy(name => name.Topic).Select(topic => (topics.Find(topic.Key), Indexes: topic.Select(name => name.Partition).Order().ToArray()))
            .Where(topic => topic.Item1 is not null)
            .Select(topic => new AssignedTopic(topic.Item1!.Id, topic.Item1.Name, topic.Indexes))];

    private TopicPartition[] ToNames(IEnumerable<PartitionKey> partitions) => _engine.ToNames(partitions);

    private ConsumerGroupDescription Describe(string id, GroupEntry? group, CoordinationState state)
    {
        if (group is not { Kind: GroupKind.Consumer, Consumer: { } consumers })
            return new ConsumerGroupDescription { Group = id, Error = ErrorCode.GroupIdNotFound, State = nameof(GroupState.Dead) };
        return new ConsumerGroupDescription
        {
            Group = id,
            State = consumers.State.ToString(),
            GroupEpoch = consumers.Epoch,
            Assignor = consumers.Assignor,
            Members = [.. consumers.Members.Values.OrderBy(member => member.Id, StringComparer.Ordinal).Select(member => Describe(id, member, state))],
        };
    }

    private ConsumerMemberDescription Describe(string group, ConsumerMember member, CoordinationState state)
    {
        var subscription = _subscriptions.Find(group, member.Id);
        return new ConsumerMemberDescription
        {
            MemberId = member.Id,
            InstanceId = member.InstanceId,
            RackId = subscription?.RackId,
            MemberEpoch = member.Epoch,
            ClientId = member.ClientId,
            ClientHost = member.ClientHost,
            TopicNames = subscription?.Names ?? [.. member.Topics.Select(topic => state.Topics.Find(topic)?.Name).OfType<string>()],
            TopicRegex = subscription?.Regex,
            Assignment = ToTopics(member.Owned.Select(owned => owned.Partition), state.Topics),
            Target = ToTopics(member.Target, state.Topics),
        };
    }
}
