using System.Diagnostics;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// Builds one record batch v2 after another: append, seal, hand the bytes on, reset. Belongs to one open batch of one producer and partition, whose lock
/// guards it. A record is encoded once, straight into the buffer that becomes the batch; an append that answers false or throws leaves the batch as it was.
/// </summary>
internal sealed class BatchWriter
{
    private readonly int _retainedBytesMax;
    private readonly int _initialBytes;
    private byte[] _buffer;
    private GrowableBuffer? _compressed;
    private int _length = BatchHeader.Size;
    private int _recordCount;
    private long _baseTimestamp;
    private long _maxTimestamp;
    private ReadOnlyMemory<byte> _sealed;

    /// <param name="initialBytes">Size of the first buffer; it doubles when it must.</param>
    /// <param name="retainedBytesMax">A buffer that grew beyond this is given up by <see cref="Reset"/>. By default there is room for the largest batch that
    /// topics take by default.</param>
    public BatchWriter(int initialBytes = 4096, int retainedBytesMax = 2 << 20)
    {
        _initialBytes = Math.Max(initialBytes, BatchHeader.Size + RecordEncoder.MinSize);
        _retainedBytesMax = Math.Max(_initialBytes, retainedBytesMax);
        _buffer = new byte[_initialBytes];
    }

    public int RecordCount => _recordCount;

    public bool IsEmpty => _recordCount == 0;

    public bool IsSealed => !_sealed.IsEmpty;

    /// <summary>Size of the batch with its header; before sealing without compression.</summary>
    public int SizeInBytes => IsSealed ? _sealed.Length : _length;

    /// <summary>The first record's timestamp. Unix milliseconds.</summary>
    public long BaseTimestamp => _baseTimestamp;

    /// <summary>The sealed batch. Valid until <see cref="Reset"/>.</summary>
    public ReadOnlyMemory<byte> Bytes
    {
        get
        {
            Debug.Assert(IsSealed, "An open batch has no bytes yet.");
            return _sealed;
        }
    }

    /// <summary>Size of a batch that holds this record alone: what to compare with the largest batch a topic accepts.</summary>
    public static long SizeAlone(int keyLength, bool hasKey, int valueLength, bool hasValue, RecordHeaders? headers)
    {
        var bodyLength = RecordEncoder.BodyLength(0, 0, keyLength, hasKey, valueLength, hasValue, headers);
        return BatchHeader.Size + VarInt.Length(bodyLength) + bodyLength;
    }

    /// <summary>
    /// Adds a record. False, and nothing changed, when the batch would exceed <paramref name="maxBatchBytes"/>: seal it and try an empty one; when this one
    /// is empty, the record is too large for the limit.
    /// </summary>
    public bool TryAppend(
        long timestampMs, ReadOnlySpan<byte> key, bool hasKey, ReadOnlySpan<byte> value, bool hasValue, RecordHeaders? headers, int maxBatchBytes)
    {
        if (IsSealed)
            throw new InvalidOperationException("The batch is sealed; it must be reset first.");
        var timestampDelta = _recordCount == 0 ? 0 : timestampMs - _baseTimestamp;
        var bodyLength = RecordEncoder.BodyLength(timestampDelta, _recordCount, key.Length, hasKey, value.Length, hasValue, headers);
        var newLength = _length + VarInt.Length(bodyLength) + bodyLength;
        if (newLength > Math.Min(maxBatchBytes, Array.MaxLength))
            return false;
        if (newLength > _buffer.Length)
            Grow(newLength);
        var written = RecordEncoder.Write(
            _buffer.AsSpan(_length), (int)bodyLength, timestampDelta, _recordCount, key, hasKey, value, hasValue, headers);
        Debug.Assert(_length + written == newLength, "The length in front of a record must be that of the record.");
        NoteTimestamp(timestampMs);
        _length += written;
        _recordCount++;
        return true;
    }

    /// <summary>
    /// Writes the header, CRC included, and answers it. With a codec the records are compressed as one block, unless that makes them larger. May be called
    /// again for the same records (a producer that got a new epoch numbers its batches anew).
    /// </summary>
    /// <param name="producer">Who signs the batch.</param>
    /// <param name="baseSequence">The sequence of the first record; <see cref="Sequence.None"/> without a producer.</param>
    /// <param name="attributes">Only <see cref="BatchAttributes.Transactional"/> or nothing; the compression bits follow from the codec.</param>
    /// <param name="codec">How to compress; null for not at all.</param>
    public BatchHeader Seal(ProducerIdentity producer, int baseSequence, BatchAttributes attributes, ICompressionCodec? codec)
    {
        if (IsEmpty)
            throw new InvalidOperationException("A batch without records cannot be sealed.");
        Debug.Assert((attributes & ~BatchAttributes.Transactional) == 0, "Producers set no other attribute.");
        Debug.Assert(producer.IsNone == (baseSequence == Sequence.None), "A signed batch has a sequence, any other has none.");
        var compressed = codec is not null && TryCompress(codec);
        var batch = compressed ? _compressed!.MutableSpan : _buffer.AsSpan(0, _length);
        var header = new BatchHeader
        {
            SizeInBytes = batch.Length,
            LeaderEpoch = -1,
            Attributes = attributes | (compressed ? (BatchAttributes)codec!.Type : BatchAttributes.None),
            LastOffsetDelta = _recordCount - 1,
            BaseTimestamp = _baseTimestamp,
            MaxTimestamp = _maxTimestamp,
            Producer = producer,
            BaseSequence = baseSequence,
            RecordCount = _recordCount,
        };
        _sealed = compressed ? _compressed!.WrittenMemory : _buffer.AsMemory(0, _length);
        return BatchHeader.WriteWithCrc(batch, header);
    }

    /// <summary>Makes the writer empty and open again. Bytes handed out before are no longer valid.</summary>
    public void Reset()
    {
        _sealed = default;
        _length = BatchHeader.Size;
        _recordCount = 0;
        if (_buffer.Length > _retainedBytesMax)
            _buffer = new byte[_initialBytes];
    }

    private void NoteTimestamp(long timestampMs)
    {
        if (_recordCount == 0)
            _baseTimestamp = _maxTimestamp = timestampMs;
        else if (timestampMs > _maxTimestamp)
            _maxTimestamp = timestampMs;
    }

    private void Grow(long needed)
    {
        var doubled = Math.Min(2L * _buffer.Length, Array.MaxLength);
        Array.Resize(ref _buffer, (int)Math.Max(needed, doubled));
    }

    private bool TryCompress(ICompressionCodec codec)
    {
        _compressed ??= new GrowableBuffer(retainedBytesMax: _retainedBytesMax);
        _compressed.Clear();
        _compressed.GetSpan(BatchHeader.Size);
        _compressed.Advance(BatchHeader.Size);
        codec.Compress(_buffer.AsSpan(BatchHeader.Size, _length - BatchHeader.Size), _compressed);
        return _compressed.Length < _length;
    }
}
