using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// Opens batches, compressed or not, into one buffer used again for each. Belongs to one reader; what it answered is valid until its next call. No batch
/// expands beyond the limit, whatever its bytes claim.
/// </summary>
internal sealed class BatchDecompressor
{
    private readonly Func<CompressionType, ICompressionCodec?> _codecs;
    private readonly GrowableBuffer _buffer = new();
    private readonly RecordPieces _pieces = new();

    /// <summary>A compressed batch whose pieces a codec wants as one.</summary>
    private readonly GrowableBuffer _joined = new();

    /// <param name="codecs">Finds the codec of a compression; null when there is none.</param>
    /// <param name="expandedBytesMax">The most bytes the records of one batch may expand to.</param>
    public BatchDecompressor(Func<CompressionType, ICompressionCodec?> codecs, int expandedBytesMax)
    {
        _codecs = codecs;
        ExpandedBytesMax = expandedBytesMax;
    }

    /// <summary>The most bytes the records of one batch may expand to.</summary>
    public int ExpandedBytesMax { get; set; }

    public bool Supports(CompressionType compression) => compression == CompressionType.None || _codecs(compression) is not null;

    /// <summary>Gives up what an unusually large batch took. What was decompressed last is no longer used.</summary>
    public void Release()
    {
        _buffer.Clear();
        _joined.Clear();
        _pieces.Close();
    }

    /// <summary>A reader over the records of one whole batch.</summary>
    /// <exception cref="CorruptRecordException">The records do not decompress, or not within the limit.</exception>
    /// <exception cref="NotSupportedException">No codec for this compression was added.</exception>
    public BatchReader Open(scoped in BatchHeader header, ReadOnlySpan<byte> batch) => new(header, Decompress(header, batch));

    /// <summary>A reader over the records of one whole batch, which are only put together where a codec wants them in one piece.</summary>
    /// <exception cref="CorruptRecordException">The records do not decompress, or not within the limit.</exception>
    /// <exception cref="NotSupportedException">No codec for this compression was added.</exception>
    public BatchReader Open(scoped in BatchHeader header, BatchBytes batch)
    {
        if (batch.Rest is null)
            return Open(header, batch.First);
        if (header.Compression != CompressionType.None)
            return Open(header, Join(batch));
        _pieces.Open(batch.Rest);
        return new BatchReader(header, batch.First[BatchHeader.Size..], _pieces);
    }

    /// <summary>The records of one whole batch, decompressed.</summary>
    /// <exception cref="CorruptRecordException">The records do not decompress, or not within the limit.</exception>
    /// <exception cref="NotSupportedException">No codec for this compression was added.</exception>
    public ReadOnlySpan<byte> Decompress(scoped in BatchHeader header, ReadOnlySpan<byte> batch)
    {
        var block = batch[BatchHeader.Size..];
        if (header.Compression == CompressionType.None || block.IsEmpty)
            return block;
        var codec = _codecs(header.Compression)
            ?? throw new NotSupportedException($"The batch at offset {header.BaseOffset} is compressed with {header.Compression}, for which no codec was added.");
        _buffer.Clear(ExpandedBytesMax);
        try
        {
            codec.Decompress(block, _buffer, ExpandedBytesMax);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // How a codec complains about damage is its own affair; to a reader every way means that these bytes cannot be read.
            throw new CorruptRecordException(
                $"The batch at offset {header.BaseOffset} does not decompress ({header.Compression}): {exception.Message}", exception);
        }
        return _buffer.WrittenSpan;
    }

    private ReadOnlySpan<byte> Join(BatchBytes batch)
    {
        var length = batch.Length;
        _joined.Clear();
        batch.CopyTo(_joined.GetSpan(length));
        _joined.Advance(length);
        return _joined.WrittenSpan;
    }
}
