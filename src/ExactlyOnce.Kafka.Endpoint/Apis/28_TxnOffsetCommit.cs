using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class TxnOffsetCommitRequest : IMessage
{
    public string TransactionalId = "";
    public string GroupId = "";
    public long ProducerId;
    public short ProducerEpoch;
    public int GenerationId = -1;
    public string MemberId = "";
    public string? GroupInstanceId;
    public Topic[] Topics = [];

    public void Fields(Wire wire)
    {
        wire.String(ref TransactionalId);
        wire.String(ref GroupId);
        wire.Int64(ref ProducerId);
        wire.Int16(ref ProducerEpoch);
        wire.Int32(ref GenerationId, from: 3);
        wire.String(ref MemberId, from: 3);
        wire.NullableString(ref GroupInstanceId, from: 3);
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
        public long CommittedOffset;
        public int CommittedLeaderEpoch = -1;
        public string? CommittedMetadata;

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Int64(ref CommittedOffset);
            wire.Int32(ref CommittedLeaderEpoch, from: 2);
            wire.NullableString(ref CommittedMetadata);
        }
    }
}

internal sealed class TxnOffsetCommitResponse : IMessage
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

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Error(ref ErrorCode);
        }
    }
}

/// <summary>Commits positions of a group with a transaction.</summary>
internal sealed class TxnOffsetCommitApi() : Api<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(28, "TxnOffsetCommit", 0, 5, flexibleFrom: 3)
{
    private const int FirstAbortable = 4;
    private const int FirstOfV2 = 5;

    protected override async ValueTask<TxnOffsetCommitResponse?> HandleAsync(TxnOffsetCommitRequest request, Call call)
    {
        if (!call.AllowsTransactionalId(AclOperation.Write, request.TransactionalId))
            return Refused(request, KafkaError.TransactionalIdAuthorizationFailed);
        if (!call.AllowsGroup(AclOperation.Read, request.GroupId))
            return Refused(request, KafkaError.GroupAuthorizationFailed);
        // Asked once: a rule that comes while the offsets are written does not change which of them they are.
        var allowed = request.Topics.Where(topic => call.AllowsTopic(AclOperation.Read, topic.Name)).ToHashSet();
        var generation = call.Version < FirstOfV2 ? WireGeneration.V1 : WireGeneration.V2;
        var errors = await call.Wire.CommitTransactionOffsetsAsync(
            call.In(request.TransactionalId, request.ProducerId, request.ProducerEpoch, generation),
            new OffsetCommitCall
            {
                Group = request.GroupId,
                Generation = request.GenerationId,
                MemberId = request.MemberId,
                InstanceId = request.GroupInstanceId,
                Offsets = [.. request.Topics.Where(allowed.Contains)
                    .SelectMany(topic => topic.Partitions.Select(partition => ToCommit(topic.Name, partition)))],
            }).ConfigureAwait(false);
        var next = 0;
        return new TxnOffsetCommitResponse
        {
            Topics = Array.ConvertAll(request.Topics, topic => new TxnOffsetCommitResponse.Topic
            {
                Name = topic.Name,
                Partitions = Array.ConvertAll(topic.Partitions, partition => new TxnOffsetCommitResponse.Partition
                {
                    PartitionIndex = partition.PartitionIndex,
                    ErrorCode = allowed.Contains(topic) ? ToKafka(errors[next++], call.Version) : KafkaError.TopicAuthorizationFailed,
                }),
            }),
        };
    }

    private static OffsetToCommit ToCommit(string topic, TxnOffsetCommitRequest.Partition partition) => new(
        new TopicPartition(topic, partition.PartitionIndex), partition.CommittedOffset, partition.CommittedLeaderEpoch, partition.CommittedMetadata);

    private static TxnOffsetCommitResponse Refused(TxnOffsetCommitRequest request, KafkaError error) => new()
    {
        Topics = Array.ConvertAll(request.Topics, topic => new TxnOffsetCommitResponse.Topic
        {
            Name = topic.Name,
            Partitions = Array.ConvertAll(
                topic.Partitions, partition => new TxnOffsetCommitResponse.Partition { PartitionIndex = partition.PartitionIndex, ErrorCode = error }),
        }),
    };

    private static KafkaError ToKafka(ErrorCode error, short version) =>
        (version < FirstAbortable ? WireErrors.BeforeTransactionAbortable(error) : error).ToKafka();
}
