using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class CreatePartitionsRequest : IMessage
{
    public Topic[] Topics = [];
    public int TimeoutMs;
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
        public int Count;
        public Assignment[]? Assignments;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Int32(ref Count);
            wire.NullableArray(ref Assignments);
        }
    }

    internal sealed class Assignment : IMessage
    {
        public int[] BrokerIds = [];

        public void Fields(Wire wire) => wire.Int32s(ref BrokerIds);
    }
}

internal sealed class CreatePartitionsResponse : IMessage
{
    public int ThrottleTimeMs;
    public Topic[] Results = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref Results);
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public KafkaError ErrorCode;
        public string? ErrorMessage;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
        }
    }
}

/// <summary>Adds partitions to topics.</summary>
internal sealed class CreatePartitionsApi() : Api<CreatePartitionsRequest, CreatePartitionsResponse>(37, "CreatePartitions", 0, 3, flexibleFrom: 2)
{
    protected override async ValueTask<CreatePartitionsResponse?> HandleAsync(CreatePartitionsRequest request, Call call)
    {
        var results = new CreatePartitionsResponse.Topic[request.Topics.Length];
        var counts = request.Topics.CountBy(topic => topic.Name, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        for (var i = 0; i < results.Length; i++)
        {
            var asked = request.Topics[i];
            results[i] = counts[asked.Name] > 1
                ? Refused(asked, KafkaError.InvalidRequest, "The request names this topic twice.")
                : await AddAsync(asked, request.ValidateOnly, call).ConfigureAwait(false);
        }
        return new CreatePartitionsResponse { Results = results };
    }

    private static async ValueTask<CreatePartitionsResponse.Topic> AddAsync(CreatePartitionsRequest.Topic asked, bool validateOnly, Call call)
    {
        if (!call.AllowsTopic(AclOperation.Alter, asked.Name))
            return Refused(asked, KafkaError.TopicAuthorizationFailed, "No rule allows it.");
        if (call.Backend.TryGetTopic(asked.Name) is not { } topic)
            return Refused(asked, KafkaError.UnknownTopicOrPartition, "There is no such topic.");
        if (asked.Count <= topic.Partitions)
            return Refused(asked, KafkaError.InvalidPartitions, $"The topic has {topic.Partitions} partitions; their number can only grow.");
        if (asked.Count > TopicCatalog.PartitionsMax)
            return Refused(asked, KafkaError.InvalidPartitions, $"A topic has at most {TopicCatalog.PartitionsMax} partitions.");
        var self = call.Server.Options.BrokerId;
        if (asked.Assignments is { } assignments && (assignments.Length != asked.Count - topic.Partitions ||
            !Array.TrueForAll(assignments, assignment => assignment.BrokerIds is [var only] && only == self)))
            return Refused(asked, KafkaError.InvalidReplicaAssignment, "Each new partition is assigned to the one broker there is.");
        try
        {
            if (!validateOnly)
                await call.Backend.AddPartitionsAsync(asked.Name, asked.Count, call.Cancelled).ConfigureAwait(false);
            return new CreatePartitionsResponse.Topic { Name = asked.Name };
        }
        catch (BrokerException exception)
        {
            return Refused(asked, exception.ToKafka(), exception.Message);
        }
    }

    private static CreatePartitionsResponse.Topic Refused(CreatePartitionsRequest.Topic asked, KafkaError error, string message) =>
        new() { Name = asked.Name, ErrorCode = error, ErrorMessage = message };
}
