using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Configs;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class CreateTopicsRequest : IMessage
{
    public Topic[] Topics = [];
    public int TimeoutMs = 60_000;
    public bool ValidateOnly;

    public void Fields(Wire wire)
    {
        wire.Array(ref Topics);
        wire.Int32(ref TimeoutMs);
        wire.Bool(ref ValidateOnly);
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public int NumPartitions;
        public short ReplicationFactor;
        public Assignment[] Assignments = [];
        public Config[] Configs = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Int32(ref NumPartitions);
            wire.Int16(ref ReplicationFactor);
            wire.Array(ref Assignments);
            wire.Array(ref Configs);
        }
    }

    internal sealed class Assignment : IMessage
    {
        public int PartitionIndex;
        public int[] BrokerIds = [];

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Int32s(ref BrokerIds);
        }
    }

    internal sealed class Config : IMessage
    {
        public string Name = "";
        public string? Value;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.NullableString(ref Value);
        }
    }
}

internal sealed class CreateTopicsResponse : IMessage
{
    public int ThrottleTimeMs;
    public Topic[] Topics = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref Topics);
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public Guid TopicId;
        public KafkaError ErrorCode;
        public string? ErrorMessage;
        public KafkaError TopicConfigErrorCode;
        public int NumPartitions = -1;
        public short ReplicationFactor = -1;
        public Config[]? Configs;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Uuid(ref TopicId, from: 7);
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
            wire.Int32(ref NumPartitions, from: 5);
            wire.Int16(ref ReplicationFactor, from: 5);
            wire.NullableArray(ref Configs, from: 5);
        }

        public void Tagged(Wire wire)
        {
            if (wire.Tag(0, isSet: TopicConfigErrorCode != KafkaError.None, from: 5))
                wire.Error(ref TopicConfigErrorCode);
        }
    }

    internal sealed class Config : IMessage
    {
        public string Name = "";
        public string? Value;
        public bool ReadOnly;
        public sbyte ConfigSource = -1;
        public bool IsSensitive;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.NullableString(ref Value);
            wire.Bool(ref ReadOnly);
            wire.Int8(ref ConfigSource);
            wire.Bool(ref IsSensitive);
        }
    }
}

/// <summary>Creates topics; each can be used when the answer arrives.</summary>
internal sealed class CreateTopicsApi() : Api<CreateTopicsRequest, CreateTopicsResponse>(19, "CreateTopics", 2, 7, flexibleFrom: 5)
{
    private const int ByDefault = -1;

    protected override async ValueTask<CreateTopicsResponse?> HandleAsync(CreateTopicsRequest request, Call call)
    {
        var topics = new CreateTopicsResponse.Topic[request.Topics.Length];
        var counts = request.Topics.CountBy(topic => topic.Name, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        for (var i = 0; i < topics.Length; i++)
        {
            var asked = request.Topics[i];
            topics[i] = counts[asked.Name] > 1
                ? Refused(asked, KafkaError.InvalidRequest, "The request names this topic twice.")
                : await CreateAsync(asked, request.ValidateOnly, call).ConfigureAwait(false);
        }
        return new CreateTopicsResponse { Topics = topics };
    }

    private static async ValueTask<CreateTopicsResponse.Topic> CreateAsync(CreateTopicsRequest.Topic asked, bool validateOnly, Call call)
    {
        var options = new TopicOptions();
        if (Refuse(asked, options, call) is { } refused)
            return refused;
        try
        {
            if (validateOnly)
                return Described(new TopicDescription(asked.Name, Guid.Empty, options.Partitions, options, IsInternal: false));
            return Described(await call.Backend.CreateTopicAsync(asked.Name, options, call.Cancelled).ConfigureAwait(false));
        }
        catch (BrokerException exception)
        {
            return Refused(asked, exception.ToKafka(), exception.Message);
        }
    }

    /// <summary>What can be said before the broker is asked; sets the options on the way.</summary>
    private static CreateTopicsResponse.Topic? Refuse(CreateTopicsRequest.Topic asked, TopicOptions options, Call call)
    {
        if (!Topic.IsValidName(asked.Name))
            return Refused(asked, KafkaError.InvalidTopicException, "A topic's name has 1 to 249 letters, digits, '.', '_' or '-'.");
        if (asked.Name == SecurityStore.TopicName || (!call.AllowsCluster(AclOperation.Create) && !call.AllowsTopic(AclOperation.Create, asked.Name)))
            return Refused(asked, KafkaError.TopicAuthorizationFailed, "No rule allows to create it.");
        if (call.Backend.TryGetTopic(asked.Name) is not null)
            return Refused(asked, KafkaError.TopicAlreadyExists, $"A topic '{asked.Name}' exists already.");
        var isAssigned = asked.Assignments.Length > 0;
        if (isAssigned && (asked.NumPartitions != ByDefault || asked.ReplicationFactor != ByDefault))
            return Refused(asked, KafkaError.InvalidRequest, "Either the partitions are assigned, or their number is given.");
        if (isAssigned && !IsPlacedHere(asked.Assignments, call.Server.Options.BrokerId))
            return Refused(asked, KafkaError.InvalidReplicaAssignment, "Partitions are numbered from 0, and there is one broker to assign them to.");
        if (asked.ReplicationFactor is 0 or < ByDefault)
            return Refused(asked, KafkaError.InvalidReplicationFactor, "A replication factor is above zero.");
        options.Partitions = isAssigned ? asked.Assignments.Length
            : asked.NumPartitions == ByDefault ? call.Server.Options.DefaultPartitions
            : asked.NumPartitions;
        if (options.Partitions < 1)
            return Refused(asked, KafkaError.InvalidPartitions, "A topic has at least one partition.");
        foreach (var config in asked.Configs)
            if (TopicConfigs.TrySet(options, config.Name, config.Value) is { } complaint)
                return Refused(asked, KafkaError.InvalidConfig, complaint);
        return TopicCatalog.DescribeInvalid(options) is { } invalid ? Refused(asked, KafkaError.InvalidConfig, invalid) : null;
    }

    private static bool IsPlacedHere(CreateTopicsRequest.Assignment[] assignments, int brokerId) =>
        assignments.Select(assignment => assignment.PartitionIndex).Order().SequenceEqual(Enumerable.Range(0, assignments.Length)) &&
        Array.TrueForAll(assignments, assignment => assignment.BrokerIds is [var only] && only == brokerId);

    private static CreateTopicsResponse.Topic Described(TopicDescription topic) => new()
    {
        Name = topic.Name,
        TopicId = topic.Id,
        NumPartitions = topic.Partitions,
        ReplicationFactor = 1,
        Configs = [.. TopicConfigs.All.Select(config => new CreateTopicsResponse.Config
        {
            Name = config.Name,
            Value = config.Get(topic.Options),
            ConfigSource = (sbyte)(config.IsDefault(topic.Options) ? ConfigSource.Default : ConfigSource.DynamicTopic),
        })],
    };

    private static CreateTopicsResponse.Topic Refused(CreateTopicsRequest.Topic asked, KafkaError error, string message) =>
        new() { Name = asked.Name, ErrorCode = error, ErrorMessage = message };
}
