using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Confluent.Consuming;

/// <summary>A partition that is assigned to a consumer, and where the consumer stands in it. Used under the consumer's lock.</summary>
internal sealed class OwnPartition : IDisposable
{
    private const int BytesMax = 1 << 20;

    private readonly PartitionReader _reader;
    private readonly Queue<FetchedRecord> _fetched = new();
    private readonly OffsetReset _reset;
    private readonly IsolationLevel _isolation;

    public OwnPartition(BackendPartition partition, long start, OffsetReset reset, IsolationLevel isolation)
    {
        Partition = partition;
        Next = start;
        _reset = reset;
        _isolation = isolation;
        _reader = partition.OpenReader(start, isolation);
    }

    public BackendPartition Partition { get; }

    public ExactlyOnce.TopicPartition Id => Partition.Id;

    /// <summary>The next offset to be handed on.</summary>
    public long Next { get; private set; }

    /// <summary>Behind the last record handed on; null before the first one.</summary>
    public long? Position { get; private set; }

    /// <summary>What the next commit commits; null when nothing is new.</summary>
    public long? Stored { get; set; }

    public bool IsPaused { get; set; }

    /// <summary>The end that the application has been told of; −1 for none.</summary>
    public long ToldEnd { get; set; } = -1;

    /// <summary>Where the partition ends for this consumer.</summary>
    public long End => Partition.EndOffset(_isolation);

    /// <exception cref="BrokerException">The position is not in the log, and the consumer is to be told; or the broker cannot read.</exception>
    public bool TryTake(BatchDecompressor decompressor, out FetchedRecord record)
    {
        if (_fetched.Count == 0)
            Fetch(decompressor);
        if (!_fetched.TryDequeue(out record!))
        {
            Next = Math.Max(Next, _reader.NextOffset);
            return false;
        }
        Position = Next = record.Offset + 1;
        return true;
    }

    public void SeekTo(long offset)
    {
        _fetched.Clear();
        _reader.Seek(offset);
        Next = offset;
        Position = null;
        ToldEnd = -1;
    }

    public bool TryWait(ReadSignal signal) => _fetched.Count == 0 && _reader.TryWait(signal);

    public void Dispose() => _reader.Dispose();

    private void Fetch(BatchDecompressor decompressor)
    {
        try
        {
            if (_reader.TryRead(BytesMax, out var batches))
                FetchedRecord.AddAll(batches.Span, Next, decompressor, _fetched);
        }
        catch (BrokerException exception) when (exception.Code == ExactlyOnce.ErrorCode.OffsetOutOfRange && _reset != OffsetReset.Error)
        {
            SeekTo(_reset == OffsetReset.Earliest ? Partition.ReadableFrom : End);
            Fetch(decompressor);
        }
    }
}
