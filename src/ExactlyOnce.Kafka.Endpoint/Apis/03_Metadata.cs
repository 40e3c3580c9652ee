using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class MetadataRequest : IMessage
{
    public Topic[]? Topics = [];
    public bool AllowAutoTopicCreation = true;
    public bool IncludeClusterAuthorizedOperations;
    public bool IncludeTopicAuthorizedOperations;

    public void Fields(Wire wire)
    {
        wire.NullableArray(ref Topics, nullableFrom: 1);
        wire.Bool(ref AllowAutoTopicCreation, from: 4);
        wire.Bool(ref IncludeClusterAuthorizedOperations, from: 8, to: 10);
        wire.Bool(ref IncludeTopicAuthorizedOperations, from: 8);
    }

    internal sealed class Topic : IMessage
    {
        public Guid TopicId;
        public string? Name;

        public void Fields(Wire wire)
        {
            wire.Uuid(ref TopicId, from: 10);
            wire.NullableString(ref Name, nullableFrom: 10);
        }
    }
}

internal sealed class MetadataResponse : IMessage
{
    public int ThrottleTimeMs;
    public Broker[] Brokers = [];
    public string? ClusterId;
    public int ControllerId = -1;
    public Topic[] Topics = [];
    public int ClusterAuthorizedOperations = AuthorizedOperations.NotAsked;
    public KafkaError ErrorCode;

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 3);
        wire.Array(ref Brokers);
        wire.NullableString(ref ClusterId, from: 2);
        wire.Int32(ref ControllerId, from: 1);
        wire.Array(ref Topics);
        wire.Int32(ref ClusterAuthorizedOperations, from: 8, to: 10);
        wire.Error(ref ErrorCode, from: 13);
    }

    internal sealed class Broker : IMessage
    {
        public int NodeId;
        public string Host = "";
        public int Port;
        public string? Rack;

        public void Fields(Wire wire)
        {
            wire.Int32(ref NodeId);
            wire.String(ref Host);
            wire.Int32(ref Port);
            wire.NullableString(ref Rack, from: 1);
        }
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
            wire.NullableString(ref Name, nullableFrom: 12);
            wire.Uuid(ref TopicId, from: 10);
            wire.Bool(ref IsInternal, from: 1);
            wire.Array(ref Partitions);
            wire.Int32(ref TopicAuthorizedOperations, from: 8);
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
        public int[] OfflineReplicas = [];

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.Int32(ref PartitionIndex);
            wire.Int32(ref LeaderId);
            wire.Int32(ref LeaderEpoch, from: 7);
            wire.Int32s(ref ReplicaNodes);
            wire.Int32s(ref IsrNodes);
            wire.Int32s(ref OfflineReplicas, from: 5);
        }
    }
}

/// <summary>Tells where topics are: all on the one broker there is. Creates missing topics where the endpoint and the client both want that.</summary>
internal sealed class MetadataApi() : Api<MetadataRequest, MetadataResponse>(3, "Metadata", 0, 13, flexibleFrom: 9)
{
    private const int FirstByTopicId = 12;

    protected override async ValueTask<MetadataResponse?> HandleAsync(MetadataRequest request, Call call)
    {
        var node = Node.Of(call);
        return new MetadataResponse
        {
            Brokers = [new MetadataResponse.Broker { NodeId = node.Id, Host = node.Host, Port = node.Port }],
            ClusterId = call.Server.ClusterId,
            ControllerId = node.Id,
            Topics = await DescribeAsync(request, call).ConfigureAwait(false),
            ClusterAuthorizedOperations = AuthorizedOperations.OfCluster(call, request.IncludeClusterAuthorizedOperations),
        };
    }

    private static async ValueTask<MetadataResponse.Topic[]> DescribeAsync(MetadataRequest request, Call call)
    {
        if (request.Topics is not { } named || (call.Version == 0 && named.Length == 0))
        {
            var known = call.Backend.ListTopics().Where(topic => call.AllowsTopic(AclOperation.Describe, topic.Name));
            return [.. known.Select(topic => Describe(topic, request, call))];
        }
        // Whatever is named, and however often, is described once.
        MetadataRequest.Topic[] asked = [.. named.DistinctBy(topic => (topic.Name, topic.TopicId))];
        var topics = new MetadataResponse.Topic[asked.Length];
        for (var i = 0; i < topics.Length; i++)
            topics[i] = await DescribeAsync(asked[i], request, call).ConfigureAwait(false);
        return topics;
    }

    private static ValueTask<MetadataResponse.Topic> DescribeAsync(MetadataRequest.Topic asked, MetadataRequest request, Call call)
    {
        if (asked.Name is { } name)
            return DescribeAsync(name, request, call);
        if (call.Version < FirstByTopicId)
            throw new ProtocolException("A topic without a name, before topics could be asked for by id.");
        return new(call.Backend.TryGetTopic(asked.TopicId) is { } topic && call.AllowsTopic(AclOperation.Describe, topic.Name)
            ? Describe(topic, request, call)
            : new MetadataResponse.Topic { ErrorCode = KafkaError.UnknownTopicId, TopicId = asked.TopicId });
    }

    private static async ValueTask<MetadataResponse.Topic> DescribeAsync(string name, MetadataRequest request, Call call)
    {
        if (!ExactlyOnce.Topic.IsValidName(name))
            return new MetadataResponse.Topic { ErrorCode = KafkaError.InvalidTopicException, Name = name };
        if (!call.AllowsTopic(AclOperation.Describe, name))
            return new MetadataResponse.Topic { ErrorCode = KafkaError.TopicAuthorizationFailed, Name = name };
        if (call.Backend.TryGetTopic(name) is { } topic)
            return Describe(topic, request, call);
        if (!request.AllowAutoTopicCreation || !call.Server.Options.AutoCreateTopics)
            return new MetadataResponse.Topic { ErrorCode = KafkaError.UnknownTopicOrPartition, Name = name };
        if (!call.AllowsCluster(AclOperation.Create) && !call.AllowsTopic(AclOperation.Create, name))
            return new MetadataResponse.Topic { ErrorCode = KafkaError.TopicAuthorizationFailed, Name = name };
        return await CreateAsync(name, request, call).ConfigureAwait(false);
    }

    private static async ValueTask<MetadataResponse.Topic> CreateAsync(string name, MetadataRequest request, Call call)
    {
        try
        {
            var options = new TopicOptions { Partitions = call.Server.Options.DefaultPartitions };
            return Describe(await call.Backend.CreateTopicAsync(name, options, call.Cancelled).ConfigureAwait(false), request, call);
        }
        catch (BrokerException exception)
        {
            // Created by somebody else in the same moment: as good.
            return exception.Code == ErrorCode.TopicAlreadyExists && call.Backend.TryGetTopic(name) is { } topic
                ? Describe(topic, request, call)
                : new MetadataResponse.Topic { ErrorCode = exception.ToKafka(), Name = name };
        }
    }

    private static MetadataResponse.Topic Describe(TopicDescription topic, MetadataRequest request, Call call) => new()
    {
        Name = topic.Name,
        TopicId = topic.Id,
        IsInternal = topic.IsInternal,
        Partitions = DescribePartitions(topic, call),
        TopicAuthorizedOperations = AuthorizedOperations.OfTopic(call, topic.Name, request.IncludeTopicAuthorizedOperations),
    };

    private static MetadataResponse.Partition[] DescribePartitions(TopicDescription topic, Call call)
    {
        var self = call.Server.Options.BrokerId;
        var partitions = new MetadataResponse.Partition[topic.Partitions];
        for (var i = 0; i < partitions.Length; i++)
            partitions[i] = new MetadataResponse.Partition
            {
                PartitionIndex = i,
                LeaderId = self,
                LeaderEpoch = call.Connection.Partitions.Find(topic.Name, i)?.Partition.LeaderEpoch ?? 0,
                ReplicaNodes = [self],
                IsrNodes = [self],
            };
        return partitions;
    }
}
