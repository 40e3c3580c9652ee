using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

/// <summary>
/// Reads once what a fetch asks for, partition by partition in the order of the request. Limits are soft in one place: the first partition that has anything
/// returns its first batch whole, or a batch larger than the limits would stop its consumer for ever.
/// </summary>
internal sealed class FetchPass(FetchRequest request, Call call, FetchReaders readers)
{
    private const int FirstByTopicId = 13;
    private const int FirstWithZstd = 10;

    private readonly List<RawRead> _reads = [];
    private readonly IsolationLevel _isolation = request.IsolationLevel == 0 ? IsolationLevel.ReadUncommitted : IsolationLevel.ReadCommitted;
    private readonly int _maxBytes = Math.Clamp(request.MaxBytes, 0, call.Server.Options.MaxFetchBytes);
    private int _bytes;
    private int _partitions;
    private bool _hasError;

    /// <summary>There is no reason to wait: enough was read, or something is wrong, or nothing was asked for.</summary>
    public bool IsSatisfied => _hasError || _partitions == 0 || _bytes >= Math.Min(request.MinBytes, _maxBytes);

    public FetchResponse Run()
    {
        readers.BeginPass();
        try
        {
            return new FetchResponse { Responses = Array.ConvertAll(request.Topics, Read), Reads = _reads };
        }
        catch
        {
            _reads.ForEach(read => read.Dispose());
            throw;
        }
    }

    private FetchResponse.Topic Read(FetchRequest.Topic topic) => new()
    {
        Name = topic.Name,
        TopicId = topic.TopicId,
        Partitions = Array.ConvertAll(topic.Partitions, partition => Read(topic, partition)),
    };

    private FetchResponse.Partition Read(FetchRequest.Topic topic, FetchRequest.Partition asked)
    {
        _partitions++;
        var isById = call.Version >= FirstByTopicId;
        var partition = isById ? call.Connection.Partitions.Find(topic.TopicId, asked.Index) : call.Connection.Partitions.Find(topic.Name, asked.Index);
        var name = partition?.Partition.Id.Topic ?? (isById ? call.Backend.TryGetTopic(topic.TopicId)?.Name : topic.Name);
        if (name is not null && !call.AllowsTopic(AclOperation.Read, name))
            return Refuse(asked, KafkaError.TopicAuthorizationFailed);
        if (partition is null)
            return Refuse(asked, isById && name is null ? KafkaError.UnknownTopicId : KafkaError.UnknownTopicOrPartition);
        if (partition.CheckLeaderEpoch(asked.CurrentLeaderEpoch) is var epoch and not KafkaError.None)
            return Refuse(asked, epoch);
        // A partition that is asked for twice.
        return readers.Take(partition.Partition) is { } reader ? Read(asked, reader) : Refuse(asked, KafkaError.InvalidRequest);
    }

    private FetchResponse.Partition Read(FetchRequest.Partition asked, RawReader reader)
    {
        var maxBytes = Math.Clamp(Math.Min(asked.PartitionMaxBytes, _maxBytes - _bytes), 0, int.MaxValue);
        var read = reader.Read(asked.FetchOffset, _isolation, maxBytes, takesOne: _bytes == 0);
        _reads.Add(read);
        if (read.Error != ErrorCode.None)
            return Refuse(asked, read.Error.ToKafka());
        if (call.Version < FirstWithZstd && read.Pieces.Any(HasZstd))
            return Refuse(asked, KafkaError.UnsupportedCompressionType);
        _bytes += read.Bytes;
        return new FetchResponse.Partition
        {
            PartitionIndex = asked.Index,
            HighWatermark = read.Offsets.HighWatermark,
            LastStableOffset = read.Offsets.LastStable,
            LogStartOffset = read.Offsets.LogStart,
            AbortedTransactions = read.Aborted is { } aborted ? ToWire(aborted) : null,
            Records = read.Bytes > 0 ? new RecordBytes(read.Pieces) : RecordBytes.Empty,
        };
    }

    private FetchResponse.Partition Refuse(FetchRequest.Partition asked, KafkaError error)
    {
        _hasError = true;
        return new FetchResponse.Partition { PartitionIndex = asked.Index, ErrorCode = error };
    }

    private static FetchResponse.AbortedTransaction[] ToWire(IReadOnlyList<AbortedRange> aborted)
    {
        var told = aborted.Count == 0 ? [] : new FetchResponse.AbortedTransaction[aborted.Count];
        for (var i = 0; i < told.Length; i++)
            told[i] = new FetchResponse.AbortedTransaction { ProducerId = aborted[i].ProducerId, FirstOffset = aborted[i].FirstOffset };
        return told;
    }

    private static bool HasZstd(ReadOnlyMemory<byte> piece)
    {
        foreach (var header in new BatchSequence(piece.Span))
            if (header.Compression == CompressionType.Zstd)
                return true;
        return false;
    }
}
