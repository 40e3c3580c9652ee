using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class AddPartitionsToTxnRequest : IMessage
{
    public string TransactionalId = "";
    public long ProducerId;
    public short ProducerEpoch;
    public Topic[] Topics = [];

    public void Fields(Wire wire)
    {
        wire.String(ref TransactionalId);
        wire.Int64(ref ProducerId);
        wire.Int16(ref ProducerEpoch);
        wire.Array(ref Topics);
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public int[] Partitions = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Int32s(ref Partitions);
        }
    }
}

internal sealed class AddPartitionsToTxnResponse : IMessage
{
    public int ThrottleTimeMs;
    public Topic[] ResultsByTopic = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref ResultsByTopic);
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public Partition[] ResultsByPartition = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Array(ref ResultsByPartition);
        }
    }

    internal sealed class Partition : IMessage
    {
        public int PartitionIndex;
        public KafkaError PartitionErrorCode;

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Error(ref PartitionErrorCode);
        }
    }
}

/// <summary>Makes partitions part of a transaction of the first generation.</summary>
internal sealed class AddPartitionsToTxnApi() : Api<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(24, "AddPartitionsToTxn", 0, 3, flexibleFrom: 3)
{
    private const int FirstThatFences = 2;

    protected override async ValueTask<AddPartitionsToTxnResponse?> HandleAsync(AddPartitionsToTxnRequest request, Call call)
    {
        if (!call.AllowsTransactionalId(AclOperation.Write, request.TransactionalId))
            return Refused(request, _ => KafkaError.TransactionalIdAuthorizationFailed);
        if (Array.Exists(request.Topics, topic => !call.AllowsTopic(AclOperation.Write, topic.Name)))
            return Refused(
                request, topic => call.AllowsTopic(AclOperation.Write, topic) ? KafkaError.OperationNotAttempted : KafkaError.TopicAuthorizationFailed);
        TopicPartition[] partitions = [.. request.Topics.SelectMany(topic => topic.Partitions.Select(index => new TopicPartition(topic.Name, index)))];
        var caller = call.In(request.TransactionalId, request.ProducerId, request.ProducerEpoch, WireGeneration.V1);
        var errors = await call.Wire.AddPartitionsToTransactionAsync(caller, partitions).ConfigureAwait(false);
        var next = 0;
        return new AddPartitionsToTxnResponse
        {
            ResultsByTopic = Array.ConvertAll(request.Topics, topic => new AddPartitionsToTxnResponse.Topic
            {
                Name = topic.Name,
                ResultsByPartition = Array.ConvertAll(topic.Partitions, index => new AddPartitionsToTxnResponse.Partition
                {
                    PartitionIndex = index,
                    PartitionErrorCode = ToKafka(errors[next++], call.Version),
                }),
            }),
        };
    }

    private static AddPartitionsToTxnResponse Refused(AddPartitionsToTxnRequest request, Func<string, KafkaError> errorOf) => new()
    {
        ResultsByTopic = Array.ConvertAll(request.Topics, topic => new AddPartitionsToTxnResponse.Topic
        {
            Name = topic.Name,
            ResultsByPartition = Array.ConvertAll(
                topic.Partitions, index => new AddPartitionsToTxnResponse.Partition { PartitionIndex = index, PartitionErrorCode = errorOf(topic.Name) }),
        }),
    };

    private static KafkaError ToKafka(ErrorCode error, short version) => (version < FirstThatFences ? WireErrors.BeforeProducerFenced(error) : error).ToKafka();
}
