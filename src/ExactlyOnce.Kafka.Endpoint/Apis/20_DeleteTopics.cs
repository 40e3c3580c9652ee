using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DeleteTopicsRequest : IMessage
{
    public Topic[] Topics = [];
    public string[] TopicNames = [];
    public int TimeoutMs;

    public void Fields(Wire wire)
    {
        wire.Array(ref Topics, from: 6);
        wire.Strings(ref TopicNames, to: 5);
        wire.Int32(ref TimeoutMs);
    }

    internal sealed class Topic : IMessage
    {
        public string? Name;
        public Guid TopicId;

        public void Fields(Wire wire)
        {
            wire.NullableString(ref Name);
            wire.Uuid(ref TopicId);
        }
    }
}

internal sealed class DeleteTopicsResponse : IMessage
{
    public int ThrottleTimeMs;
    public Topic[] Responses = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref Responses);
    }

    internal sealed class Topic : IMessage
    {
        public string? Name;
        public Guid TopicId;
        public KafkaError ErrorCode;
        public string? ErrorMessage;

        public void Fields(Wire wire)
        {
            wire.NullableString(ref Name, nullableFrom: 6);
            wire.Uuid(ref TopicId, from: 6);
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage, from: 5);
        }
    }
}

/// <summary>Deletes topics, by name or by id. Whoever waits for their records is woken and told.</summary>
internal sealed class DeleteTopicsApi() : Api<DeleteTopicsRequest, DeleteTopicsResponse>(20, "DeleteTopics", 1, 6, flexibleFrom: 4)
{
    protected override async ValueTask<DeleteTopicsResponse?> HandleAsync(DeleteTopicsRequest request, Call call)
    {
        DeleteTopicsRequest.Topic[] asked = [.. request.TopicNames.Select(name => new DeleteTopicsRequest.Topic { Name = name }), .. request.Topics];
        var responses = new DeleteTopicsResponse.Topic[asked.Length];
        for (var i = 0; i < responses.Length; i++)
            responses[i] = await DeleteAsync(asked[i], call).ConfigureAwait(false);
        return new DeleteTopicsResponse { Responses = responses };
    }

    private static async ValueTask<DeleteTopicsResponse.Topic> DeleteAsync(DeleteTopicsRequest.Topic asked, Call call)
    {
        if (asked.Name is not null && asked.TopicId != Guid.Empty)
            return new DeleteTopicsResponse.Topic
            {
                Name = asked.Name,
                TopicId = asked.TopicId,
                ErrorCode = KafkaError.InvalidRequest,
                ErrorMessage = "A topic is named, or its id is given, not both.",
            };
        var topic = asked.Name is { } name ? call.Backend.TryGetTopic(name) : call.Backend.TryGetTopic(asked.TopicId);
        var answer = new DeleteTopicsResponse.Topic { Name = asked.Name ?? topic?.Name, TopicId = topic?.Id ?? asked.TopicId };
        var mayKnow = (asked.Name ?? topic?.Name) is not { } named || call.AllowsTopic(AclOperation.Describe, named);
        if (!mayKnow || (topic is not null && !call.AllowsTopic(AclOperation.Delete, topic.Name)))
            return new DeleteTopicsResponse.Topic
            {
                Name = mayKnow ? answer.Name : asked.Name,
                TopicId = asked.TopicId,
                ErrorCode = KafkaError.TopicAuthorizationFailed,
            };
        if (topic is null)
        {
            answer.ErrorCode = asked.Name is null ? KafkaError.UnknownTopicId : KafkaError.UnknownTopicOrPartition;
            return answer;
        }
        try
        {
            await call.Backend.DeleteTopicAsync(topic.Name, call.Cancelled).ConfigureAwait(false);
        }
        catch (BrokerException exception)
        {
            (answer.ErrorCode, answer.ErrorMessage) = (exception.ToKafka(), exception.Message);
        }
        return answer;
    }
}
