using ExactlyOnce.Clients;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class OffsetForLeaderEpochRequest : IMessage
{
    public int ReplicaId = -2;
    public Topic[] Topics = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ReplicaId, from: 3);
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
        public int Index;
        public int CurrentLeaderEpoch = -1;
        public int LeaderEpoch;

        public void Fields(Wire wire)
        {
            wire.Int32(ref Index);
            wire.Int32(ref CurrentLeaderEpoch);
            wire.Int32(ref LeaderEpoch);
        }
    }
}

internal sealed class OffsetForLeaderEpochResponse : IMessage
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
        public KafkaError ErrorCode;
        public int Index;
        public int LeaderEpoch = -1;
        public long EndOffset = -1;

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.Int32(ref Index);
            wire.Int32(ref LeaderEpoch);
            wire.Int64(ref EndOffset);
        }
    }
}

/// <summary>Where a leader epoch ends: each topic has one, which ends where its log does.</summary>
internal sealed class OffsetForLeaderEpochApi()
    : Api<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(23, "OffsetForLeaderEpoch", 2, 4, flexibleFrom: 4)
{
    protected override ValueTask<OffsetForLeaderEpochResponse?> HandleAsync(OffsetForLeaderEpochRequest request, Call call) =>
        new(new OffsetForLeaderEpochResponse
        {
            Topics = Array.ConvertAll(request.Topics, topic => new OffsetForLeaderEpochResponse.Topic
            {
                Name = topic.Name,
                Partitions = Array.ConvertAll(topic.Partitions, asked => Find(topic.Name, asked, call)),
            }),
        });

    private static OffsetForLeaderEpochResponse.Partition Find(string topic, OffsetForLeaderEpochRequest.Partition asked, Call call)
    {
        var answer = new OffsetForLeaderEpochResponse.Partition { Index = asked.Index };
        if (!call.AllowsTopic(AclOperation.Describe, topic))
            answer.ErrorCode = KafkaError.TopicAuthorizationFailed;
        else if (call.Connection.Partitions.Find(topic, asked.Index) is not { } served)
            answer.ErrorCode = KafkaError.UnknownTopicOrPartition;
        else if (served.CheckLeaderEpoch(asked.CurrentLeaderEpoch) is var epoch and not KafkaError.None)
            answer.ErrorCode = epoch;
        else if (asked.LeaderEpoch >= 0 && asked.LeaderEpoch <= served.Partition.LeaderEpoch)
            (answer.ErrorCode, answer.LeaderEpoch, answer.EndOffset) = FindEnd(asked.LeaderEpoch, served.Partition);
        return answer;
    }

    /// <summary>
    /// Where the first batch of a later epoch lies, or will: epochs only grow along the log, so it is searched for by halves. Nobody else remembers it, and it
    /// is asked for once by each consumer after a restart that may have lost records.
    /// </summary>
    private static (KafkaError Error, int LeaderEpoch, long EndOffset) FindEnd(int epoch, BackendPartition partition)
    {
        var (from, to) = (partition.Offsets.LogStart, partition.Offsets.HighWatermark);
        if (epoch == partition.LeaderEpoch)
            return (KafkaError.None, epoch, to);
        using var reader = partition.OpenRawReader();
        while (from < to)
        {
            var middle = from + ((to - from) / 2);
            using var read = reader.Read(middle, IsolationLevel.ReadUncommitted, maxBytes: 1, takesOne: true);
            if (read.Error != ErrorCode.None)
                return (read.Error.ToKafka(), -1, -1);
            if (read.Bytes == 0 || BatchHeader.Read(read.Pieces[0].Span) is var batch && batch.LeaderEpoch > epoch)
                to = middle;
            else
                from = Math.Max(middle + 1, batch.NextOffset);
        }
        return (KafkaError.None, epoch, from);
    }
}
