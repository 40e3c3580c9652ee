using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DescribeTopicPartitionsRequest : IMessage
{
    public Topic[] Topics = [];
    public int ResponsePartitionLimit = 2000;
    public PartitionCursor? Cursor;

    public void Fields(Wire wire)
    {
        wire.Array(ref Topics);
        wire.Int32(ref ResponsePartitionLimit);
        wire.NullableStruct(ref Cursor);
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";

        public void Fields(Wire wire) => wire.String(ref Name);
    }
}

/// <summary>Where an answer that was cut goes on, in both directions.</summary>
internal sealed class PartitionCursor : IMessage
{
    public string TopicName = "";
    public int PartitionIndex;

    public void Fields(Wire wire)
    {
        wire.String(ref TopicName);
        wire.Int32(ref PartitionIndex);
    }
}

internal sealed class DescribeTopicPartitionsResponse : IMessage
{
    public int ThrottleTimeMs;
    public Topic[] Topics = [];
    public PartitionCursor? NextCursor;

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref Topics);
        wire.NullableStruct(ref NextCursor);
    }

    internal sealed class Topic : IMessage
    {
        public KafkaError ErrorCode;
        public string? Name;
        public Guid TopicId;
        public bool IsInternal;
        public Partition[] Partitions = [];
        public int TopicAuthorizedOperations = AuthorizedOperations.NotAsked;

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.NullableString(ref Name);
            wire.Uuid(ref TopicId);
            wire.Bool(ref IsInternal);
            wire.Array(ref Partitions);
            wire.Int32(ref TopicAuthorizedOperations);
        }
    }

    internal sealed class Partition : IMessage
    {
        public KafkaError ErrorCode;
        public int PartitionIndex;
        public int LeaderId;
        public int LeaderEpoch = -1;
        public int[] ReplicaNodes = [];
        public int[] IsrNodes = [];
        public int[]? EligibleLeaderReplicas;
        public int[]? LastKnownElr;
        public int[] OfflineReplicas = [];

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.Int32(ref PartitionIndex);
            wire.Int32(ref LeaderId);
            wire.Int32(ref LeaderEpoch);
            wire.Int32s(ref ReplicaNodes);
            wire.Int32s(ref IsrNodes);
            wire.NullableInt32s(ref EligibleLeaderReplicas);
            wire.NullableInt32s(ref LastKnownElr);
            wire.Int32s(ref OfflineReplicas);
        }
    }
}

/// <summary>Describes topics a page at a time, in the order of their names.</summary>
internal sealed class DescribeTopicPartitionsApi()
    : Api<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(75, "DescribeTopicPartitions", 0, 0, flexibleFrom: 0)
{
    private const int PartitionsMax = 2000;

    protected override ValueTask<DescribeTopicPartitionsResponse?> HandleAsync(DescribeTopicPartitionsRequest request, Call call)
    {
        var room = Math.Clamp(request.ResponsePartitionLimit, 1, PartitionsMax);
        var topics = new List<DescribeTopicPartitionsResponse.Topic>();
        foreach (var name in NamesFrom(request, call))
        {
            var first = name == request.Cursor?.TopicName ? Math.Max(0, request.Cursor.PartitionIndex) : 0;
            if (room == 0)
                return Answer(topics, new PartitionCursor { TopicName = name, PartitionIndex = first });
            var topic = Describe(name, first, room, call, out var next);
            topics.Add(topic);
            if (next is not null)
                return Answer(topics, next);
            room -= Math.Min(room, topic.Partitions.Length);
        }
        return Answer(topics, null);
    }

    private static ValueTask<DescribeTopicPartitionsResponse?> Answer(List<DescribeTopicPartitionsResponse.Topic> topics, PartitionCursor? next) =>
        new(new DescribeTopicPartitionsResponse { Topics = [.. topics], NextCursor = next });

    private static IEnumerable<string> NamesFrom(DescribeTopicPartitionsRequest request, Call call)
    {
        var names = request.Topics.Length > 0
            ? request.Topics.Select(topic => topic.Name).Distinct()
            : call.Backend.ListTopics().Select(topic => topic.Name).Where(name => call.AllowsTopic(AclOperation.Describe, name));
        return names.Where(name => request.Cursor is null || string.CompareOrdinal(name, request.Cursor.TopicName) >= 0).Order(StringComparer.Ordinal);
    }

    private static DescribeTopicPartitionsResponse.Topic Describe(string name, int first, int room, Call call, out PartitionCursor? next)
    {
        next = null;
        if (!Topic.IsValidName(name))
            return new DescribeTopicPartitionsResponse.Topic { Name = name, ErrorCode = KafkaError.InvalidTopicException };
        if (!call.AllowsTopic(AclOperation.Describe, name))
            return new DescribeTopicPartitionsResponse.Topic { Name = name, ErrorCode = KafkaError.TopicAuthorizationFailed };
        if (call.Backend.TryGetTopic(name) is not { } topic)
            return new DescribeTopicPartitionsResponse.Topic { Name = name, ErrorCode = KafkaError.UnknownTopicOrPartition };
        var end = Math.Min(topic.Partitions, first + (long)room);
        if (end < topic.Partitions)
            next = new PartitionCursor { TopicName = name, PartitionIndex = (int)end };
        var described = new DescribeTopicPartitionsResponse.Topic
        {
            Name = name,
            TopicId = topic.Id,
            IsInternal = topic.IsInternal,
            TopicAuthorizedOperations = AuthorizedOperations.OfTopic(call, name, isAsked: true),
            Partitions = new DescribeTopicPartitionsResponse.Partition[Math.Max(0, end - first)],
        };
        for (var i = 0; i < described.Partitions.Length; i++)
            described.Partitions[i] = Describe(name, first + i, call);
        return described;
    }

    private static DescribeTopicPartitionsResponse.Partition Describe(string topic, int index, Call call)
    {
        var self = call.Server.Options.BrokerId;
        return new DescribeTopicPartitionsResponse.Partition
        {
            PartitionIndex = index,
            LeaderId = self,
            LeaderEpoch = call.Connection.Partitions.Find(topic, index)?.Partition.LeaderEpoch ?? 0,
            ReplicaNodes = [self],
            IsrNodes = [self],
        };
    }
}
