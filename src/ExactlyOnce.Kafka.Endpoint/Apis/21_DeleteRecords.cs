using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DeleteRecordsRequest : IMessage
{
    public Topic[] Topics = [];
    public int TimeoutMs;

    public void Fields(Wire wire)
    {
        wire.Array(ref Topics);
        wire.Int32(ref TimeoutMs);
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
        public long Offset;

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Int64(ref Offset);
        }
    }
}

internal sealed class DeleteRecordsResponse : IMessage
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
        public long LowWatermark = -1;
        public KafkaError ErrorCode;

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Int64(ref LowWatermark);
            wire.Error(ref ErrorCode);
        }
    }
}

/// <summary>Moves the beginning of logs forward.</summary>
internal sealed class DeleteRecordsApi() : Api<DeleteRecordsRequest, DeleteRecordsResponse>(21, "DeleteRecords", 0, 2, flexibleFrom: 2)
{
    private const long ToHighWatermark = -1;

    protected override async ValueTask<DeleteRecordsResponse?> HandleAsync(DeleteRecordsRequest request, Call call)
    {
        var topics = new DeleteRecordsResponse.Topic[request.Topics.Length];
        for (var i = 0; i < topics.Length; i++)
        {
            var asked = request.Topics[i];
            var partitions = new DeleteRecordsResponse.Partition[asked.Partitions.Length];
            for (var j = 0; j < partitions.Length; j++)
                partitions[j] = await DeleteAsync(asked.Name, asked.Partitions[j], call).ConfigureAwait(false);
            topics[i] = new DeleteRecordsResponse.Topic { Name = asked.Name, Partitions = partitions };
        }
        return new DeleteRecordsResponse { Topics = topics };
    }

    private static async ValueTask<DeleteRecordsResponse.Partition> DeleteAsync(string topic, DeleteRecordsRequest.Partition asked, Call call)
    {
        var answer = new DeleteRecordsResponse.Partition { PartitionIndex = asked.PartitionIndex };
        if (!call.AllowsTopic(AclOperation.Delete, topic))
            answer.ErrorCode = KafkaError.TopicAuthorizationFailed;
        else if (call.Connection.Partitions.Find(topic, asked.PartitionIndex) is not { } served)
            answer.ErrorCode = KafkaError.UnknownTopicOrPartition;
        else if (asked.Offset < ToHighWatermark)
            answer.ErrorCode = KafkaError.OffsetOutOfRange;
        else
            try
            {
                answer.LowWatermark = await call.Backend.DeleteRecordsAsync(served.Partition.Id, asked.Offset, call.Cancelled).ConfigureAwait(false);
            }
            catch (BrokerException exception)
            {
                answer.ErrorCode = exception.ToKafka();
            }
        return answer;
    }
}
