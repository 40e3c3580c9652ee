using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class OffsetDeleteRequest : IMessage
{
    public string GroupId = "";
    public Topic[] Topics = [];

    public void Fields(Wire wire)
    {
        wire.String(ref GroupId);
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

        public void Fields(Wire wire) => wire.Int32(ref PartitionIndex);
    }
}

internal sealed class OffsetDeleteResponse : IMessage
{
    public KafkaError ErrorCode;
    public int ThrottleTimeMs;
    public Topic[] Topics = [];

    public void Fields(Wire wire)
    {
        wire.Error(ref ErrorCode);
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

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Error(ref ErrorCode);
        }
    }
}

/// <summary>Deletes a group's offsets of topics that no member reads.</summary>
internal sealed class OffsetDeleteApi() : Api<OffsetDeleteRequest, OffsetDeleteResponse>(47, "OffsetDelete", 0, 0, flexibleFrom: NeverFlexible)
{
    protected override async ValueTask<OffsetDeleteResponse?> HandleAsync(OffsetDeleteRequest request, Call call)
    {
        if (!call.AllowsGroup(AclOperation.Delete, request.GroupId))
            return new OffsetDeleteResponse { ErrorCode = KafkaError.GroupAuthorizationFailed };
        // Asked once: a rule that comes while they are deleted does not change which of them they are.
        var allowed = request.Topics.Where(topic => call.AllowsTopic(AclOperation.Read, topic.Name)).ToHashSet();
        TopicPartition[] partitions = [.. request.Topics.Where(allowed.Contains)
            .SelectMany(topic => topic.Partitions.Select(partition => new TopicPartition(topic.Name, partition.PartitionIndex)))];
        var answer = await call.Wire.DeleteOffsetsAsync(request.GroupId, partitions).ConfigureAwait(false);
        if (answer.Error != ErrorCode.None)
            return new OffsetDeleteResponse { ErrorCode = answer.Error.ToKafka() };
        var next = 0;
        return new OffsetDeleteResponse
        {
            Topics = Array.ConvertAll(request.Topics, topic => new OffsetDeleteResponse.Topic
            {
                Name = topic.Name,
                Partitions = Array.ConvertAll(topic.Partitions, partition => new OffsetDeleteResponse.Partition
                {
                    PartitionIndex = partition.PartitionIndex,
                    ErrorCode = allowed.Contains(topic) ? answer.Partitions[next++].ToKafka() : KafkaError.TopicAuthorizationFailed,
                }),
            }),
        };
    }
}
