using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class OffsetCommitRequest : IMessage
{
    public string GroupId = "";
    public int GenerationIdOrMemberEpoch = -1;
    public string MemberId = "";
    public string? GroupInstanceId;
    public long RetentionTimeMs = -1;
    public Topic[] Topics = [];

    public void Fields(Wire wire)
    {
        wire.String(ref GroupId);
        wire.Int32(ref GenerationIdOrMemberEpoch);
        wire.String(ref MemberId);
        wire.NullableString(ref GroupInstanceId, from: 7);
        wire.Int64(ref RetentionTimeMs, to: 4);
        wire.Array(ref Topics);
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public Guid TopicId;
        public Partition[] Partitions = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name, to: 9);
            wire.Uuid(ref TopicId, from: 10);
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
            wire.Int32(ref CommittedLeaderEpoch, from: 6);
            wire.NullableString(ref CommittedMetadata);
        }
    }
}

internal sealed class OffsetCommitResponse : IMessage
{
    public int ThrottleTimeMs;
    public Topic[] Topics = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 3);
        wire.Array(ref Topics);
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public Guid TopicId;
        public Partition[] Partitions = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name, to: 9);
            wire.Uuid(ref TopicId, from: 10);
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

/// <summary>Commits positions of a group.</summary>
internal sealed class OffsetCommitApi() : Api<OffsetCommitRequest, OffsetCommitResponse>(8, "OffsetCommit", 2, 10, flexibleFrom: 8)
{
    private const int FirstWithMemberEpochs = 9;
    private const int FirstByTopicId = 10;

    protected override async ValueTask<OffsetCommitResponse?> HandleAsync(OffsetCommitRequest request, Call call)
    {
        if (!call.AllowsGroup(AclOperation.Read, request.GroupId))
            return Refused(request, KafkaError.GroupAuthorizationFailed);
        var names = Array.ConvertAll(request.Topics, topic => call.Version < FirstByTopicId ? topic.Name : call.Backend.TryGetTopic(topic.TopicId)?.Name);
        // Asked once: a rule that comes while the offsets are written does not change which of them they are.
        var refusals = Array.ConvertAll(names, name => Refuse(name, call));
        var offsets = new List<OffsetToCommit>();
        for (var i = 0; i < names.Length; i++)
            if (refusals[i] == KafkaError.None)
                foreach (var partition in request.Topics[i].Partitions)
                    offsets.Add(ToCommit(names[i]!, partition));
        var errors = await call.Wire.CommitOffsetsAsync(new OffsetCommitCall
        {
            Group = request.GroupId,
            Generation = request.GenerationIdOrMemberEpoch,
            MemberId = request.MemberId,
            InstanceId = request.GroupInstanceId,
            KnowsMemberEpochs = call.Version >= FirstWithMemberEpochs,
            Offsets = offsets,
        }).ConfigureAwait(false);
        var next = 0;
        var response = new OffsetCommitResponse { Topics = new OffsetCommitResponse.Topic[names.Length] };
        for (var i = 0; i < names.Length; i++)
        {
            var topic = request.Topics[i];
            var refusal = refusals[i];
            response.Topics[i] = new OffsetCommitResponse.Topic
            {
                Name = topic.Name,
                TopicId = topic.TopicId,
                Partitions = Array.ConvertAll(topic.Partitions, partition => new OffsetCommitResponse.Partition
                {
                    PartitionIndex = partition.PartitionIndex,
                    ErrorCode = refusal == KafkaError.None ? errors[next++].ToKafka() : refusal,
                }),
            };
        }
        return response;
    }

    private static OffsetToCommit ToCommit(string topic, OffsetCommitRequest.Partition partition) => new(
        new TopicPartition(topic, partition.PartitionIndex), partition.CommittedOffset, partition.CommittedLeaderEpoch, partition.CommittedMetadata);

    private static KafkaError Refuse(string? topic, Call call) =>
        topic is null ? KafkaError.UnknownTopicId : call.AllowsTopic(AclOperation.Read, topic) ? KafkaError.None : KafkaError.TopicAuthorizationFailed;

    private static OffsetCommitResponse Refused(OffsetCommitRequest request, KafkaError error) => new()
    {
        Topics = Array.ConvertAll(request.Topics, topic => new OffsetCommitResponse.Topic
        {
            Name = topic.Name,
            TopicId = topic.TopicId,
            Partitions = Array.ConvertAll(
                topic.Partitions, partition => new OffsetCommitResponse.Partition { PartitionIndex = partition.PartitionIndex, ErrorCode = error }),
        }),
    };
}
