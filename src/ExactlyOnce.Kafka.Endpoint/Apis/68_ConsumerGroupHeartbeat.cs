using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class ConsumerGroupHeartbeatRequest : IMessage
{
    public string GroupId = "";
    public string MemberId = "";
    public int MemberEpoch;
    public string? InstanceId;
    public string? RackId;
    public int RebalanceTimeoutMs = -1;
    public string[]? SubscribedTopicNames;
    public string? SubscribedTopicRegex;
    public string? ServerAssignor;
    public HeldTopic[]? TopicPartitions;

    public void Fields(Wire wire)
    {
        wire.String(ref GroupId);
        wire.String(ref MemberId);
        wire.Int32(ref MemberEpoch);
        wire.NullableString(ref InstanceId);
        wire.NullableString(ref RackId);
        wire.Int32(ref RebalanceTimeoutMs);
        wire.NullableStrings(ref SubscribedTopicNames);
        wire.NullableString(ref SubscribedTopicRegex, from: 1);
        wire.NullableString(ref ServerAssignor);
        wire.NullableArray(ref TopicPartitions);
    }
}

internal sealed class ConsumerGroupHeartbeatResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public string? ErrorMessage;
    public string? MemberId;
    public int MemberEpoch;
    public int HeartbeatIntervalMs;
    public Held? Assignment;

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode);
        wire.NullableString(ref ErrorMessage);
        wire.NullableString(ref MemberId);
        wire.Int32(ref MemberEpoch);
        wire.Int32(ref HeartbeatIntervalMs);
        wire.NullableStruct(ref Assignment);
    }

    internal sealed class Held : IMessage
    {
        public HeldTopic[] TopicPartitions = [];

        public void Fields(Wire wire) => wire.Array(ref TopicPartitions);
    }
}

/// <summary>Partitions of a topic in a member's hands.</summary>
internal sealed class HeldTopic : IMessage
{
    public Guid TopicId;
    public int[] Partitions = [];

    public void Fields(Wire wire)
    {
        wire.Uuid(ref TopicId);
        wire.Int32s(ref Partitions);
    }
}

/// <summary>A member of a consumer group joins, lives and leaves (KIP-848).</summary>
internal sealed class ConsumerGroupHeartbeatApi()
    : Api<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(68, "ConsumerGroupHeartbeat", 0, 1, flexibleFrom: 0)
{
    protected override async ValueTask<ConsumerGroupHeartbeatResponse?> HandleAsync(ConsumerGroupHeartbeatRequest request, Call call)
    {
        if (!call.AllowsGroup(AclOperation.Read, request.GroupId))
            return new ConsumerGroupHeartbeatResponse { ErrorCode = KafkaError.GroupAuthorizationFailed };
        if (request.SubscribedTopicNames?.Any(topic => !call.AllowsTopic(AclOperation.Describe, topic)) == true)
            return new ConsumerGroupHeartbeatResponse { ErrorCode = KafkaError.TopicAuthorizationFailed };
        var answer = await call.Wire.ConsumerGroupHeartbeatAsync(new ConsumerHeartbeatCall
        {
            Group = request.GroupId,
            MemberId = request.MemberId,
            MemberEpoch = request.MemberEpoch,
            InstanceId = request.InstanceId,
            RackId = request.RackId,
            ClientId = call.ClientId ?? "",
            ClientHost = call.ClientHost,
            RebalanceTimeoutMs = request.RebalanceTimeoutMs,
            TopicNames = request.SubscribedTopicNames,
            TopicRegex = request.SubscribedTopicRegex,
            // Asked with each heartbeat, so that a rule that comes later counts.
            MayKnowOf = topic => call.AllowsTopic(AclOperation.Describe, topic),
            Assignor = request.ServerAssignor,
            Owned = request.TopicPartitions is { } held ? Array.ConvertAll(held, topic => new AssignedTopic(topic.TopicId, "", topic.Partitions)) : null,
            MayLackMemberId = call.Version == 0,
        }).ConfigureAwait(false);
        return new ConsumerGroupHeartbeatResponse
        {
            ErrorCode = answer.Error.ToKafka(),
            ErrorMessage = answer.Message,
            MemberId = answer.MemberId,
            MemberEpoch = answer.MemberEpoch,
            HeartbeatIntervalMs = answer.HeartbeatIntervalMs,
            Assignment = answer.Assignment is { } assigned ? new ConsumerGroupHeartbeatResponse.Held { TopicPartitions = [.. assigned.Select(ToHeld)] } : null,
        };
    }

    private static HeldTopic ToHeld(AssignedTopic topic) => new() { TopicId = topic.TopicId, Partitions = [.. topic.Partitions] };
}
