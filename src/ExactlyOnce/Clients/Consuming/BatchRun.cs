using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// A run of contiguous batches on its way through a consumer: decoded record by record, left and taken up again where a consumer batch is full.
/// Owned by one <see cref="ConsumedPartition"/>. The bytes belong to the partition's reader; a compressed batch is unpacked into a buffer of the run's own, so
/// that only one of them can be open at a time.
/// </summary>
internal sealed class BatchRun(BrokerBackend backend)
{
    // A small compressed batch must not be able to exhaust memory.
    private const int UnpackedBytesMax = 256 * 1024 * 1024;

    private readonly GrowableBuffer _unpacked = new();
    private ReadOnlyMemory<byte> _run;
    private int _nextBatchAt;
    private BatchHeader _batch;
    private int _recordAt;
    private int _firstAt;
    private int _recordsLeft;

    /// <summary>The bytes that the slots of the current batch point into.</summary>
    public ReadOnlyMemory<byte> Source { get; private set; }

    /// <summary>True when the current batch has another record.</summary>
    public bool IsInsideBatch => _recordsLeft > 0;

    /// <summary>True when nothing of the run is left.</summary>
    public bool IsEmpty => _recordsLeft == 0 && _nextBatchAt >= _run.Length;

    public void Begin(ReadOnlyMemory<byte> run)
    {
        Clear();
        _run = run;
    }

    public void Clear()
    {
        _run = default;
        _nextBatchAt = 0;
        _recordsLeft = 0;
        Source = default;
    }

    /// <summary>
    /// Goes to the next batch that has records. False at the end of the run, and, unless <paramref name="mayReplaceSource"/>, in front of a batch whose records
    /// do not lie in <see cref="Source"/>: slots of two sources cannot be mixed.
    /// </summary>
    public bool TryOpenBatch(bool mayReplaceSource)
    {
        while (_nextBatchAt < _run.Length)
        {
            var rest = _run.Span[_nextBatchAt..];
            if (!BatchHeader.TryRead(rest, out var batch) || batch.SizeInBytes > rest.Length)
                throw new CorruptRecordException($"The bytes behind offset {_batch.LastOffset} are not a whole batch.");
            if (batch.RecordCount > 0)
                return TryOpen(batch, rest, mayReplaceSource);
            _batch = batch;
            _nextBatchAt += batch.SizeInBytes;
        }
        return false;
    }

    /// <summary>
    /// Decodes records of the current batch, as many as there are or <paramref name="slots"/> has room for, and answers how many. Those in front of
    /// <paramref name="from"/> are passed over.
    /// </summary>
    public int Decode(ReadOnlySpan<byte> source, Span<RecordSlot> slots, long from)
    {
        var (count, at, left) = (0, _recordAt, _recordsLeft);
        while (left > 0 && count < slots.Length)
        {
            if (count == 0)
                _firstAt = at;
            ref var slot = ref slots[count];
            slot.Decode(_batch, source, at);
            at = slot.End;
            left--;
            if (slot.Offset >= from)
                count++;
        }
        (_recordAt, _recordsLeft) = (at, left);
        return count;
    }

    /// <summary>
    /// Takes the end of what <see cref="Decode"/> gave back: from <paramref name="slots"/>, all of them, the ones from <paramref name="from"/> on stay in the
    /// run.
    /// </summary>
    public void Unread(ReadOnlySpan<RecordSlot> slots, int from)
    {
        _recordAt = from == 0 ? _firstAt : slots[from - 1].End;
        _recordsLeft += slots.Length - from;
    }

    private bool TryOpen(in BatchHeader batch, ReadOnlySpan<byte> rest, bool mayReplaceSource)
    {
        var isPlain = batch.Compression == CompressionType.None;
        if (!mayReplaceSource && !(isPlain && Source.Equals(_run)))
            return false;
        if (isPlain)
        {
            Source = _run;
            _recordAt = _nextBatchAt + BatchHeader.Size;
        }
        else
        {
            Unpack(batch, rest[BatchHeader.Size..batch.SizeInBytes]);
            Source = _unpacked.WrittenMemory;
            _recordAt = 0;
        }
        _batch = batch;
        _recordsLeft = batch.RecordCount;
        _nextBatchAt += batch.SizeInBytes;
        return true;
    }

    private void Unpack(in BatchHeader batch, ReadOnlySpan<byte> block)
    {
        _unpacked.Clear(UnpackedBytesMax);
        try
        {
            backend.GetCodec(batch.Compression).Decompress(block, _unpacked, UnpackedBytesMax);
        }
        catch (Exception exception) when (exception is not (OutOfMemoryException or BrokerException or NotSupportedException))
        {
            throw new CorruptRecordException(
                $"The batch at offset {batch.BaseOffset} does not decompress ({batch.Compression}): {exception.Message}", exception);
        }
    }
}
