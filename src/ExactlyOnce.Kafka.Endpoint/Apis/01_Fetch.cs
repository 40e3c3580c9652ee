using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class FetchRequest : IMessage
{
    public string? ClusterId;
    public int ReplicaId = -1;
    public ReplicaStateFields ReplicaState = new();
    public int MaxWaitMs;
    public int MinBytes;
    public int MaxBytes = int.MaxValue;
    public sbyte IsolationLevel;
    public int SessionId;
    public int SessionEpoch = -1;
    public Topic[] Topics = [];
    public ForgottenTopic[] ForgottenTopicsData = [];
    public string RackId = "";

    public void Fields(Wire wire)
    {
        wire.Int32(ref ReplicaId, to: 14);
        wire.Int32(ref MaxWaitMs);
        wire.Int32(ref MinBytes);
        wire.Int32(ref MaxBytes);
        wire.Int8(ref IsolationLevel);
        wire.Int32(ref SessionId, from: 7);
        wire.Int32(ref SessionEpoch, from: 7);
        wire.Array(ref Topics);
        wire.Array(ref ForgottenTopicsData, from: 7);
        wire.String(ref RackId, from: 11);
    }

    public void Tagged(Wire wire)
    {
        if (wire.Tag(0, isSet: ClusterId is not null, from: 12))
            wire.NullableString(ref ClusterId);
        if (wire.Tag(1, isSet: ReplicaState is not { ReplicaId: -1, ReplicaEpoch: -1 }, from: 15))
            wire.Struct(ref ReplicaState);
    }

    internal sealed class ReplicaStateFields : IMessage
    {
        public int ReplicaId = -1;
        public long ReplicaEpoch = -1;

        public void Fields(Wire wire)
        {
            wire.Int32(ref ReplicaId);
            wire.Int64(ref ReplicaEpoch);
        }
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public Guid TopicId;
        public Partition[] Partitions = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name, to: 12);
            wire.Uuid(ref TopicId, from: 13);
            wire.Array(ref Partitions);
        }
    }

    internal sealed class Partition : IMessage
    {
        public int Index;
        public int CurrentLeaderEpoch = -1;
        public long FetchOffset;
        public int LastFetchedEpoch = -1;
        public long LogStartOffset = -1;
        public int PartitionMaxBytes;
        public Guid ReplicaDirectoryId;

        public void Fields(Wire wire)
        {
            wire.Int32(ref Index);
            wire.Int32(ref CurrentLeaderEpoch, from: 9);
            wire.Int64(ref FetchOffset);
            wire.Int32(ref LastFetchedEpoch, from: 12);
            wire.Int64(ref LogStartOffset, from: 5);
            wire.Int32(ref PartitionMaxBytes);
        }

        public void Tagged(Wire wire)
        {
            if (wire.Tag(0, isSet: ReplicaDirectoryId != Guid.Empty, from: 17))
                wire.Uuid(ref ReplicaDirectoryId);
        }
    }

    internal sealed class ForgottenTopic : IMessage
    {
        public string Topic = "";
        public Guid TopicId;
        public int[] Partitions = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Topic, to: 12);
            wire.Uuid(ref TopicId, from: 13);
            wire.Int32s(ref Partitions);
        }
    }
}

/// <summary>Holds the log's memory until it is disposed, which is when it has been written.</summary>
internal sealed class FetchResponse : IMessage, IDisposable
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public int SessionId;
    public Topic[] Responses = [];

    /// <summary>What was read for this answer.</summary>
    public IReadOnlyList<IDisposable> Reads { get; init; } = [];

    // Tag 0, NodeEndpoints, is left out: there is one node.
    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode, from: 7);
        wire.Int32(ref SessionId, from: 7);
        wire.Array(ref Responses);
    }

    public void Dispose()
    {
        foreach (var read in Reads)
            read.Dispose();
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public Guid TopicId;
        public Partition[] Partitions = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name, to: 12);
            wire.Uuid(ref TopicId, from: 13);
            wire.Array(ref Partitions);
        }
    }

    internal sealed class Partition : IMessage
    {
        public int PartitionIndex;
        public KafkaError ErrorCode;
        public long HighWatermark = -1;
        public long LastStableOffset = -1;
        public long LogStartOffset = -1;
        public AbortedTransaction[]? AbortedTransactions;
        public int PreferredReadReplica = -1;
        public RecordBytes Records = RecordBytes.Empty;

        // Tags 0 to 2, DivergingEpoch, CurrentLeader and SnapshotId, are left out: they are for followers, and for clients of a broker that is not the leader.
        public void Fields(Wire wire)
        {
            wire.Int32(ref PartitionIndex);
            wire.Error(ref ErrorCode);
            wire.Int64(ref HighWatermark);
            wire.Int64(ref LastStableOffset);
            wire.Int64(ref LogStartOffset, from: 5);
            wire.NullableArray(ref AbortedTransactions);
            wire.Int32(ref PreferredReadReplica, from: 11);
            wire.Records(ref Records);
        }
    }

    internal sealed class AbortedTransaction : IMessage
    {
        public long ProducerId;
        public long FirstOffset;

        public void Fields(Wire wire)
        {
            wire.Int64(ref ProducerId);
            wire.Int64(ref FirstOffset);
        }
    }
}

/// <summary>
/// Reads, and waits for something to read. Fetch sessions are declined, as the protocol allows: every fetch is answered in full, with session 0, and clients
/// then go on in that way. One that goes on in a session, which cannot be one of ours, is told so.
/// </summary>
internal sealed class FetchApi() : Api<FetchRequest, FetchResponse>(1, "Fetch", 4, 17, flexibleFrom: 12)
{
    private const int WithoutSession = -1;
    private const int OfNewSession = 0;

    protected override async ValueTask<FetchResponse?> HandleAsync(FetchRequest request, Call call)
    {
        if (request.SessionEpoch is not (WithoutSession or OfNewSession))
            return new FetchResponse { ErrorCode = KafkaError.FetchSessionIdNotFound };
        // A client that is gone without a word is found out when it is answered and says nothing more.
        var readers = call.Connection.FetchReaders ??= new FetchReaders(call.Backend, call.Server.Options.IdleTimeout);
        readers.Begin(request.MaxWaitMs);
        while (true)
        {
            var pass = new FetchPass(request, call, readers);
            var response = pass.Run();
            if (pass.IsSatisfied)
                return response;
            // Nobody keeps the log's memory while he sleeps.
            response.Dispose();
            if (!await readers.WaitAsync(call.Cancelled).ConfigureAwait(false))
                return new FetchPass(request, call, readers).Run();
        }
    }
}
