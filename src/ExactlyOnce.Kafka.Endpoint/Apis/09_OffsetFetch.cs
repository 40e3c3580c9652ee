using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class OffsetFetchRequest : IMessage
{
    public string GroupId = "";
    public Topic[]? Topics;
    public Group[] Groups = [];
    public bool RequireStable;

    public void Fields(Wire wire)
    {
        wire.String(ref GroupId, to: 7);
        wire.NullableArray(ref Topics, to: 7, nullableFrom: 2);
        wire.Array(ref Groups, from: 8);
        wire.Bool(ref RequireStable, from: 7);
    }

    internal sealed class Group : IMessage
    {
        public string GroupId = "";
        public string? MemberId;
        public int MemberEpoch = -1;
        public Topic[]? Topics;

        public void Fields(Wire wire)
        {
            wire.String(ref GroupId);
            wire.NullableString(ref MemberId, from: 9);
            wire.Int32(ref MemberEpoch, from: 9);
            wire.NullableArray(ref Topics);
        }
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public Guid TopicId;
        public int[] PartitionIndexes = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name, to: 9);
            wire.Uuid(ref TopicId, from: 10);
            wire.Int32s(ref PartitionIndexes);
        }
    }
}

internal sealed class OffsetFetchResponse : IMessage
{
    public int ThrottleTimeMs;
    public Topic[] Topics = [];
    public KafkaError ErrorCode;
    public Group[] Groups = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 3);
        wire.Array(ref Topics, to: 7);
        wire.Error(ref ErrorCode, from: 2, to: 7);
        wire.Array(ref Groups, from: 8);
    }

    internal sealed class Group : IMessage
    {
        public string GroupId = "";
        public Topic[] Topics = [];
        public KafkaError ErrorCode;

        public void Fields(Wire wire)
        {
            wire.String(ref GroupId);
            wire.Array(ref Topics);
            wire.Error(ref ErrorCode);
        }
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
        public long CommittedOffset = -1;
        public int CommittedLeaderEpoch = -1;
        public string? Metadata = "";
        public KafkaError ErrorCode;

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Int64(ref CommittedOffset);
            wire.Int32(ref CommittedLeaderEpoch, from: 5);
            wire.NullableString(ref Metadata);
            wire.Error(ref ErrorCode);
        }
    }
}

/// <summary>Tells positions of groups.</summary>
internal sealed class OffsetFetchApi() : Api<OffsetFetchRequest, OffsetFetchResponse>(9, "OffsetFetch", 1, 10, flexibleFrom: 6)
{
    private const int FirstOfSeveralGroups = 8;
    private const int FirstByTopicId = 10;

    protected override async ValueTask<OffsetFetchResponse?> HandleAsync(OffsetFetchRequest request, Call call)
    {
        if (call.Version < FirstOfSeveralGroups)
        {
            var group = new OffsetFetchRequest.Group { GroupId = request.GroupId, Topics = request.Topics };
            var only = await FetchAsync(group, request.RequireStable, call).ConfigureAwait(false);
            return new OffsetFetchResponse { Topics = only.Topics, ErrorCode = only.ErrorCode };
        }
        var response = new OffsetFetchResponse { Groups = new OffsetFetchResponse.Group[request.Groups.Length] };
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < request.Groups.Length; i++)
            response.Groups[i] = seen.Add(request.Groups[i].GroupId)
                ? await FetchAsync(request.Groups[i], request.RequireStable, call).ConfigureAwait(false)
                : new OffsetFetchResponse.Group { GroupId = request.Groups[i].GroupId, ErrorCode = KafkaError.InvalidRequest };
        return response;
    }

    private static async ValueTask<OffsetFetchResponse.Group> FetchAsync(OffsetFetchRequest.Group group, bool requireStable, Call call)
    {
        if (!call.AllowsGroup(AclOperation.Describe, group.GroupId))
            return new OffsetFetchResponse.Group { GroupId = group.GroupId, ErrorCode = KafkaError.GroupAuthorizationFailed };
        var answer = await call.Wire.FetchOffsetsAsync(new OffsetFetchCall
        {
            Group = group.GroupId,
            MemberId = group.MemberId ?? "",
            MemberEpoch = group.MemberEpoch,
            RequireStable = requireStable,
            Partitions = group.Topics is { } topics ? [.. topics.SelectMany(topic => PartitionsOf(topic, call))] : null,
        }).ConfigureAwait(false);
        var response = new OffsetFetchResponse.Group { GroupId = group.GroupId, ErrorCode = answer.Error.ToKafka() };
        if (answer.Error == ErrorCode.None)
            response.Topics = group.Topics is { } asked ? InOrder(asked, answer.Offsets, call) : ByTopic(answer.Offsets, call);
        return response;
    }

    private static IEnumerable<TopicPartition> PartitionsOf(OffsetFetchRequest.Topic topic, Call call)
    {
        var name = call.Version < FirstByTopicId ? topic.Name : call.Backend.TryGetTopic(topic.TopicId)?.Name;
        return topic.PartitionIndexes.Select(index => new TopicPartition(name ?? "", index));
    }

    private static OffsetFetchResponse.Topic[] InOrder(OffsetFetchRequest.Topic[] asked, IReadOnlyList<FetchedPartitionOffset> offsets, Call call)
    {
        var next = 0;
        return Array.ConvertAll(asked, topic => new OffsetFetchResponse.Topic
        {
            Name = topic.Name,
            TopicId = topic.TopicId,
            Partitions = Array.ConvertAll(topic.PartitionIndexes, _ => ToPartition(offsets[next++], call)),
        });
    }

    private static OffsetFetchResponse.Topic[] ByTopic(IReadOnlyList<FetchedPartitionOffset> offsets, Call call)
    {
        var shown = offsets.Where(offset => call.AllowsTopic(AclOperation.Describe, offset.Partition.Topic));
        return [.. shown.GroupBy(offset => offset.Partition.Topic).Select(topic => new OffsetFetchResponse.Topic
        {
            Name = topic.Key,
            TopicId = call.Backend.TryGetTopic(topic.Key)?.Id ?? default,
            Partitions = [.. topic.Select(offset => ToPartition(offset, call))],
        })];
    }

    private static bool MayKnow(string topic, Call call) => topic.Length == 0 || call.AllowsTopic(AclOperation.Describe, topic);

    private static OffsetFetchResponse.Partition ToPartition(in FetchedPartitionOffset offset, Call call) => !MayKnow(offset.Partition.Topic, call)
        ? new() { PartitionIndex = offset.Partition.Partition, CommittedOffset = -1, Metadata = "", ErrorCode = KafkaError.TopicAuthorizationFailed }
        : new()
        {
            PartitionIndex = offset.Partition.Partition,
            CommittedOffset = offset.Offset,
            CommittedLeaderEpoch = offset.LeaderEpoch,
            Metadata = offset.Metadata,
            ErrorCode = call.Version >= FirstByTopicId && offset.Partition.Topic.Length == 0 ? KafkaError.UnknownTopicId : offset.Error.ToKafka(),
        };
}
