using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DescribeLogDirsRequest : IMessage
{
    public Topic[]? Topics = [];

    public void Fields(Wire wire) => wire.NullableArray(ref Topics);

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

internal sealed class DescribeLogDirsResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public Result[] Results = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode, from: 3);
        wire.Array(ref Results);
    }

    internal sealed class Result : IMessage
    {
        public KafkaError ErrorCode;
        public string LogDir = "";
        public Topic[] Topics = [];
        public long TotalBytes = -1;
        public long UsableBytes = -1;

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.String(ref LogDir);
            wire.Array(ref Topics);
            wire.Int64(ref TotalBytes, from: 4);
            wire.Int64(ref UsableBytes, from: 4);
        }
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
        public long PartitionSize;
        public long OffsetLag;
        public bool IsFutureKey;

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Int64(ref PartitionSize);
            wire.Int64(ref OffsetLag);
            wire.Bool(ref IsFutureKey);
        }
    }
}

/// <summary>How large partitions are. There is one directory, or memory, which is called by that name.</summary>
internal sealed class DescribeLogDirsApi() : Api<DescribeLogDirsRequest, DescribeLogDirsResponse>(35, "DescribeLogDirs", 1, 4, flexibleFrom: 2)
{
    protected override ValueTask<DescribeLogDirsResponse?> HandleAsync(DescribeLogDirsRequest request, Call call)
    {
        if (!call.AllowsCluster(AclOperation.Describe))
            return new(new DescribeLogDirsResponse { ErrorCode = KafkaError.ClusterAuthorizationFailed });
        // Of the topic of users and rules no client hears anything.
        var topics = Asked(request, call).Where(topic => topic.Name != SecurityStore.TopicName).Select(topic => Describe(topic, call));
        return new(new DescribeLogDirsResponse { Results = [new DescribeLogDirsResponse.Result { LogDir = call.Server.LogDirectory, Topics = [.. topics] }] });
    }

    private static IEnumerable<DescribeLogDirsRequest.Topic> Asked(DescribeLogDirsRequest request, Call call) =>
        request.Topics ?? call.Backend.ListTopics().Select(topic => new DescribeLogDirsRequest.Topic
        {
            Name = topic.Name,
            Partitions = [.. Enumerable.Range(0, topic.Partitions)],
        });

    // What does not exist has no size; Kafka leaves it out as well.
    private static DescribeLogDirsResponse.Topic Describe(DescribeLogDirsRequest.Topic asked, Call call) => new()
    {
        Name = asked.Name,
        Partitions = [.. asked.Partitions
            .Select(index => (Index: index, Served: call.Connection.Partitions.Find(asked.Name, index)))
            .Where(partition => partition.Served is not null)
            .Select(partition => new DescribeLogDirsResponse.Partition
            {
                PartitionIndex = partition.Index,
                PartitionSize = partition.Served!.Partition.SizeInBytes,
            })],
    };
}
