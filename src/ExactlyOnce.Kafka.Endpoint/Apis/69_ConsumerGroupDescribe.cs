using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class ConsumerGroupDescribeRequest : IMessage
{
    public string[] GroupIds = [];
    public bool IncludeAuthorizedOperations;

    public void Fields(Wire wire)
    {
        wire.Strings(ref GroupIds);
        wire.Bool(ref IncludeAuthorizedOperations);
    }
}

internal sealed class ConsumerGroupDescribeResponse : IMessage
{
    public int ThrottleTimeMs;
    public Group[] Groups = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref Groups);
    }

    internal sealed class Group : IMessage
    {
        public KafkaError ErrorCode;
        public string? ErrorMessage;
        public string GroupId = "";
        public string GroupState = "";
        public int GroupEpoch;
        public int AssignmentEpoch;
        public string AssignorName = "";
        public Member[] Members = [];
        public int AuthorizedOperations = Serving.AuthorizedOperations.NotAsked;

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
            wire.String(ref GroupId);
            wire.String(ref GroupState);
            wire.Int32(ref GroupEpoch);
            wire.Int32(ref AssignmentEpoch);
            wire.String(ref AssignorName);
            wire.Array(ref Members);
            wire.Int32(ref AuthorizedOperations);
        }
    }

    internal sealed class Member : IMessage
    {
        private const sbyte ConsumerProtocol = 1;

        public string MemberId = "";
        public string? InstanceId;
        public string? RackId;
        public int MemberEpoch;
        public string ClientId = "";
        public string ClientHost = "";
        public string[] SubscribedTopicNames = [];
        public string? SubscribedTopicRegex;
        public Share Assignment = new();
        public Share TargetAssignment = new();
        public sbyte MemberType = ConsumerProtocol;

        public void Fields(Wire wire)
        {
            wire.String(ref MemberId);
            wire.NullableString(ref InstanceId);
            wire.NullableString(ref RackId);
            wire.Int32(ref MemberEpoch);
            wire.String(ref ClientId);
            wire.String(ref ClientHost);
            wire.Strings(ref SubscribedTopicNames);
            wire.NullableString(ref SubscribedTopicRegex);
            wire.Struct(ref Assignment);
            wire.Struct(ref TargetAssignment);
            wire.Int8(ref MemberType, from: 1);
        }
    }

    internal sealed class Share : IMessage
    {
        public Topic[] TopicPartitions = [];

        public void Fields(Wire wire) => wire.Array(ref TopicPartitions);
    }

    internal sealed class Topic : IMessage
    {
        public Guid TopicId;
        public string TopicName = "";
        public int[] Partitions = [];

        public void Fields(Wire wire)
        {
            wire.Uuid(ref TopicId);
            wire.String(ref TopicName);
            wire.Int32s(ref Partitions);
        }
    }
}

/// <summary>Shows consumer groups (KIP-848).</summary>
internal sealed class ConsumerGroupDescribeApi()
    : Api<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>(69, "ConsumerGroupDescribe", 0, 1, flexibleFrom: 0)
{
    protected override async ValueTask<ConsumerGroupDescribeResponse?> HandleAsync(ConsumerGroupDescribeRequest request, Call call)
    {
        var asked = request.GroupIds.Distinct().ToArray();
        var allowed = Array.FindAll(asked, group => call.AllowsGroup(AclOperation.Describe, group));
        var groups = await call.Wire.DescribeConsumerGroupsAsync(allowed).ConfigureAwait(false);
        return new ConsumerGroupDescribeResponse
        {
            Groups = [.. groups.Select(group => !MayKnowTopics(group, call)
                ? Refused(group.Group, KafkaError.TopicAuthorizationFailed)
                : new ConsumerGroupDescribeResponse.Group
            {
                ErrorCode = group.Error.ToKafka(),
                ErrorMessage = group.Error == ErrorCode.None ? null : $"There is no consumer group '{group.Group}'.",
                GroupId = group.Group,
                GroupState = group.State,
                GroupEpoch = group.GroupEpoch,
                AssignmentEpoch = group.AssignmentEpoch,
                AssignorName = group.Assignor,
                Members = [.. group.Members.Select(ToMember)],
                AuthorizedOperations = AuthorizedOperations.OfGroup(call, group.Group, request.IncludeAuthorizedOperations),
            }), .. asked.Except(allowed).Select(group => Refused(group, KafkaError.GroupAuthorizationFailed))],
        };
    }

    private static ConsumerGroupDescribeResponse.Group Refused(string group, KafkaError error) => new() { GroupId = group, ErrorCode = error };

    /// <summary>What the members read is told to those only who may know of it.</summary>
    private static bool MayKnowTopics(ConsumerGroupDescription group, Call call) => group.Members
        .SelectMany(member => member.TopicNames.Concat(member.Assignment.Concat(member.Target).Select(topic => topic.TopicName)))
        .Where(topic => topic.Length > 0)
        .All(topic => call.AllowsTopic(AclOperation.Describe, topic));

    private static ConsumerGroupDescribeResponse.Member ToMember(ConsumerMemberDescription member) => new()
    {
        MemberId = member.MemberId,
        InstanceId = member.InstanceId,
        RackId = member.RackId,
        MemberEpoch = member.MemberEpoch,
        ClientId = member.ClientId,
        ClientHost = member.ClientHost,
        SubscribedTopicNames = [.. member.TopicNames],
        SubscribedTopicRegex = member.TopicRegex,
        Assignment = ToShare(member.Assignment),
        TargetAssignment = ToShare(member.Target),
    };

    private static ConsumerGroupDescribeResponse.Share ToShare(IReadOnlyList<AssignedTopic> topics) => new()
    {
        TopicPartitions = [.. topics.Select(topic => new ConsumerGroupDescribeResponse.Topic
        {
            TopicId = topic.TopicId,
            TopicName = topic.TopicName,
            Partitions = [.. topic.Partitions],
        })],
    };
}
