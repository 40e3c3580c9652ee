using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DescribeProducersRequest : IMessage
{
    public Topic[] Topics = [];

    public void Fields(Wire wire) => wire.Array(ref Topics);

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public int[] PartitionIndexes = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Int32s(ref PartitionIndexes);
        }
    }
}

internal sealed class DescribeProducersResponse : IMessage
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
        public Partition[] Partitions = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Array(ref Partitions);
        }
    }

    internal sealed class Partition : IMessage
    {
        public int PartitionIndex;
        public KafkaError ErrorCode;
        public string? ErrorMessage;
        public Producer[] ActiveProducers = [];

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
            wire.Array(ref ActiveProducers);
        }
    }

    internal sealed class Producer : IMessage
    {
        public long ProducerId;
        public int ProducerEpoch;
        public int LastSequence = -1;
        public long LastTimestamp = -1;
        public int CoordinatorEpoch;
        public long CurrentTxnStartOffset = -1;

        public void Fields(Wire wire)
        {
            wire.Int64(ref ProducerId);
            wire.Int32(ref ProducerEpoch);
            wire.Int32(ref LastSequence);
            wire.Int64(ref LastTimestamp);
            wire.Int32(ref CoordinatorEpoch);
            wire.Int64(ref CurrentTxnStartOffset);
        }
    }
}

/// <summary>Shows which producers partitions remember, and their open transactions.</summary>
internal sealed class DescribeProducersApi() : Api<DescribeProducersRequest, DescribeProducersResponse>(61, "DescribeProducers", 0, 0, flexibleFrom: 0)
{
    protected override async ValueTask<DescribeProducersResponse?> HandleAsync(DescribeProducersRequest request, Call call)
    {
        var response = new DescribeProducersResponse { Topics = new DescribeProducersResponse.Topic[request.Topics.Length] };
        var seen = new HashSet<(string, int)>();
        for (var i = 0; i < request.Topics.Length; i++)
        {
            var asked = request.Topics[i];
            var partitions = new DescribeProducersResponse.Partition[asked.PartitionIndexes.Length];
            response.Topics[i] = new DescribeProducersResponse.Topic { Name = asked.Name, Partitions = partitions };
            for (var j = 0; j < partitions.Length; j++)
                partitions[j] = seen.Add((asked.Name, asked.PartitionIndexes[j]))
                    ? await DescribeAsync(asked.Name, asked.PartitionIndexes[j], call).ConfigureAwait(false)
                    : new DescribeProducersResponse.Partition { PartitionIndex = asked.PartitionIndexes[j], ErrorCode = KafkaError.InvalidRequest };
        }
        return response;
    }

    private static async ValueTask<DescribeProducersResponse.Partition> DescribeAsync(string topic, int index, Call call)
    {
        if (!call.AllowsTopic(AclOperation.Read, topic))
            return new DescribeProducersResponse.Partition { PartitionIndex = index, ErrorCode = KafkaError.TopicAuthorizationFailed };
        var producers = await call.Wire.DescribeProducersAsync(new TopicPartition(topic, index)).ConfigureAwait(false);
        return new DescribeProducersResponse.Partition
        {
            PartitionIndex = index,
            ErrorCode = producers is null ? KafkaError.UnknownTopicOrPartition : KafkaError.None,
            ActiveProducers = [.. (producers ?? []).Select(producer => new DescribeProducersResponse.Producer
            {
                ProducerId = producer.Identity.Id,
                ProducerEpoch = producer.Identity.Epoch,
                LastSequence = producer.LastSequence,
                LastTimestamp = producer.LastTimestamp,
                CoordinatorEpoch = producer.CoordinatorEpoch,
                CurrentTxnStartOffset = producer.TransactionFirstOffset,
            })],
        };
    }
}
