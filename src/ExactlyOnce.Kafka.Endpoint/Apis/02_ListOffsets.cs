using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class ListOffsetsRequest : IMessage
{
    public int ReplicaId;
    public sbyte IsolationLevel;
    public Topic[] Topics = [];
    public int TimeoutMs;

    public void Fields(Wire wire)
    {
        wire.Int32(ref ReplicaId);
        wire.Int8(ref IsolationLevel, from: 2);
        wire.Array(ref Topics);
        wire.Int32(ref TimeoutMs, from: 10);
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
        public int CurrentLeaderEpoch = -1;
        public long Timestamp;

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Int32(ref CurrentLeaderEpoch, from: 4);
            wire.Int64(ref Timestamp);
        }
    }
}

internal sealed class ListOffsetsResponse : IMessage
{
    public int ThrottleTimeMs;
    public Topic[] Topics = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 2);
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
        public long Timestamp = -1;
        public long Offset = -1;
        public int LeaderEpoch = -1;

        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Error(ref ErrorCode);
            wire.Int64(ref Timestamp);
            wire.Int64(ref Offset);
            wire.Int32(ref LeaderEpoch, from: 4);
        }
    }
}

/// <summary>
/// Where a log begins and ends, and which record is the first at or behind a time. Nothing beyond the high watermark, or under read_committed the last stable
/// offset, is told of.
/// </summary>
internal sealed class ListOffsetsApi() : Api<ListOffsetsRequest, ListOffsetsResponse>(2, "ListOffsets", 1, 10, flexibleFrom: 6)
{
    private const long Latest = -1;
    private const long Earliest = -2;
    private const long LargestTimestamp = -3;
    private const long EarliestLocal = -4;
    private const long LastTiered = -5;

    protected override ValueTask<ListOffsetsResponse?> HandleAsync(ListOffsetsRequest request, Call call)
    {
        var isolation = request.IsolationLevel == 0 ? IsolationLevel.ReadUncommitted : IsolationLevel.ReadCommitted;
        var seen = new HashSet<(string, int)>();
        return new(new ListOffsetsResponse
        {
            Topics = Array.ConvertAll(request.Topics, topic => new ListOffsetsResponse.Topic
            {
                Name = topic.Name,
                Partitions = Array.ConvertAll(topic.Partitions, asked => seen.Add((topic.Name, asked.PartitionIndex))
                    ? Find(topic.Name, asked, isolation, call)
                    : Refused(asked, KafkaError.InvalidRequest)),
            }),
        });
    }

    private static ListOffsetsResponse.Partition Find(string topic, ListOffsetsRequest.Partition asked, IsolationLevel isolation, Call call)
    {
        if (!call.AllowsTopic(AclOperation.Describe, topic))
            return Refused(asked, KafkaError.TopicAuthorizationFailed);
        if (call.Connection.Partitions.Find(topic, asked.PartitionIndex) is not { } served)
            return Refused(asked, KafkaError.UnknownTopicOrPartition);
        if (served.CheckLeaderEpoch(asked.CurrentLeaderEpoch) is var epoch and not KafkaError.None)
            return Refused(asked, epoch);
        try
        {
            return Find(asked, served.Partition, isolation, call);
        }
        catch (BrokerException exception)
        {
            return Refused(asked, exception.ToKafka());
        }
        catch (NotSupportedException)
        {
            return Refused(asked, KafkaError.UnsupportedCompressionType);
        }
    }

    private static ListOffsetsResponse.Partition Find(ListOffsetsRequest.Partition asked, BackendPartition partition, IsolationLevel isolation, Call call)
    {
        var offsets = partition.Offsets;
        return asked.Timestamp switch
        {
            Latest => At(isolation == IsolationLevel.ReadCommitted ? offsets.LastStable : offsets.HighWatermark),
            Earliest => At(offsets.LogStart),
            LargestTimestamp when call.Version >= 7 => Found(partition.FindLargestTimestamp(isolation)),
            EarliestLocal when call.Version >= 8 => At(offsets.LogStart),
            // Nothing is tiered.
            LastTiered when call.Version >= 9 => At(-1),
            >= 0 => Found(partition.FindRecord(asked.Timestamp, isolation)),
            _ => Refused(asked, KafkaError.UnsupportedVersion),
        };

        ListOffsetsResponse.Partition At(long offset) => new() { PartitionIndex = asked.PartitionIndex, Offset = offset, LeaderEpoch = partition.LeaderEpoch };

        ListOffsetsResponse.Partition Found(FoundOffset? found) => found is { } record
            ? new() { PartitionIndex = asked.PartitionIndex, Offset = record.Offset, Timestamp = record.TimestampMs, LeaderEpoch = partition.LeaderEpoch }
            : new() { PartitionIndex = asked.PartitionIndex };
    }

    private static ListOffsetsResponse.Partition Refused(ListOffsetsRequest.Partition asked, KafkaError error) =>
        new() { PartitionIndex = asked.PartitionIndex, ErrorCode = error };
}
