using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class ProduceRequest : IMessage
{
    public string? TransactionalId;
    public short Acks;
    public int TimeoutMs;
    public Topic[] TopicData = [];

    public void Fields(Wire wire)
    {
        wire.NullableString(ref TransactionalId);
        wire.Int16(ref Acks);
        wire.Int32(ref TimeoutMs);
        wire.Array(ref TopicData);
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public Guid TopicId;
        public Partition[] PartitionData = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name, to: 12);
            wire.Uuid(ref TopicId, from: 13);
            wire.Array(ref PartitionData);
        }
    }

    internal sealed class Partition : IMessage
    {
        public int Index;
        public RecordBytes Records;

        public void Fields(Wire wire)
        {
            wire.Int32(ref Index);
            wire.Records(ref Records);
        }
    }
}

/// <summary>Sent when every batch in it is as durable as the broker promises.</summary>
internal sealed class ProduceResponse : IMessage, IDeferredAnswer
{
    public Topic[] Responses = [];
    public int ThrottleTimeMs;

    /// <summary>The appends that are not durable yet.</summary>
    public ProduceWait Wait { get; } = new();

    // Tag 0, NodeEndpoints, is left out: there is one node.
    public void Fields(Wire wire)
    {
        wire.Array(ref Responses);
        wire.Int32(ref ThrottleTimeMs);
    }

    public ValueTask ReadyAsync() => Wait.AllAsync();

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public Guid TopicId;
        public Partition[] PartitionResponses = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name, to: 12);
            wire.Uuid(ref TopicId, from: 13);
            wire.Array(ref PartitionResponses);
        }
    }

    internal sealed class Partition : IMessage
    {
        public int Index;
        public KafkaError ErrorCode;
        public long BaseOffset = -1;
        public long LogAppendTimeMs = -1;
        public long LogStartOffset = -1;
        public RecordError[] RecordErrors = [];
        public string? ErrorMessage;

        // Tag 0, CurrentLeader, is left out: it follows NOT_LEADER_OR_FOLLOWER only.
        public void Fields(Wire wire)
        {
            wire.Int32(ref Index);
            wire.Error(ref ErrorCode);
            wire.Int64(ref BaseOffset);
            wire.Int64(ref LogAppendTimeMs);
            wire.Int64(ref LogStartOffset, from: 5);
            wire.Array(ref RecordErrors, from: 8);
            wire.NullableString(ref ErrorMessage, from: 8);
        }
    }

    internal sealed class RecordError : IMessage
    {
        public int BatchIndex;
        public string? BatchIndexErrorMessage;

        public void Fields(Wire wire)
        {
            wire.Int32(ref BatchIndex);
            wire.NullableString(ref BatchIndexErrorMessage);
        }
    }
}

/// <summary>
/// Appends batches, straight from where they were received. Versions below 3 are only told of: old librdkafkas look for version 0 before they compress
/// (KAFKA-18659).
/// </summary>
internal sealed class ProduceApi : Api<ProduceRequest, ProduceResponse>
{
    private const short NoAnswer = 0;
    private const short AllReplicas = -1;
    private const int FirstByTopicId = 13;

    public ProduceApi()
        : base(0, "Produce", 3, 13, flexibleFrom: 9) => (AdvertisedMin, IsPipelined) = (0, true);

    protected override async ValueTask<ProduceResponse?> HandleAsync(ProduceRequest request, Call call)
    {
        var isAllowed = request.TransactionalId is null || call.AllowsTransactionalId(AclOperation.Write, request.TransactionalId);
        var response = new ProduceResponse { Responses = new ProduceResponse.Topic[request.TopicData.Length] };
        for (var i = 0; i < request.TopicData.Length; i++)
        {
            var topic = request.TopicData[i];
            var answer = response.Responses[i] = new ProduceResponse.Topic
            {
                Name = topic.Name,
                TopicId = topic.TopicId,
                PartitionResponses = new ProduceResponse.Partition[topic.PartitionData.Length],
            };
            for (var j = 0; j < topic.PartitionData.Length; j++)
                answer.PartitionResponses[j] = isAllowed
                    ? await AppendAsync(request, topic, topic.PartitionData[j], response.Wait, call).ConfigureAwait(false)
                    : new ProduceResponse.Partition { Index = topic.PartitionData[j].Index, ErrorCode = KafkaError.TransactionalIdAuthorizationFailed };
        }
        if (request.Acks != NoAnswer)
            return response;
        // The only signal that a client has which wants no answers.
        return Array.Exists(response.Responses, topic => Array.Exists(topic.PartitionResponses, partition => partition.ErrorCode != KafkaError.None))
            ? throw new ProtocolException("A batch that wants no answer was refused.")
            : null;
    }

    private static async ValueTask<ProduceResponse.Partition> AppendAsync(
        ProduceRequest request, ProduceRequest.Topic topic, ProduceRequest.Partition data, ProduceWait wait, Call call)
    {
        if (request.Acks is not (AllReplicas or 0 or 1))
            return new ProduceResponse.Partition { Index = data.Index, ErrorCode = KafkaError.InvalidRequiredAcks };
        var known = call.Connection.Partitions;
        var partition = call.Version >= FirstByTopicId ? known.Find(topic.TopicId, data.Index) : known.Find(topic.Name, data.Index);
        var name = partition?.Partition.Id.Topic ?? (call.Version >= FirstByTopicId ? call.Backend.TryGetTopic(topic.TopicId)?.Name : topic.Name);
        if (name is not null && !call.AllowsTopic(AclOperation.Write, name))
            return new ProduceResponse.Partition { Index = data.Index, ErrorCode = KafkaError.TopicAuthorizationFailed };
        if (partition is null)
            return new ProduceResponse.Partition { Index = data.Index, ErrorCode = Unknown(topic, call) };
        if (partition.Partition.IsCongested)
            await partition.Partition.WaitForRoomAsync(call.Cancelled).ConfigureAwait(false);
        return ProduceAppend.Run(request, data, partition, wait, call);
    }

    private static KafkaError Unknown(ProduceRequest.Topic topic, Call call) =>
        call.Version >= FirstByTopicId && call.Backend.TryGetTopic(topic.TopicId) is null ? KafkaError.UnknownTopicId
        : call.Version < FirstByTopicId && !ExactlyOnce.Topic.IsValidName(topic.Name) ? KafkaError.InvalidTopicException
        : KafkaError.UnknownTopicOrPartition;
}
