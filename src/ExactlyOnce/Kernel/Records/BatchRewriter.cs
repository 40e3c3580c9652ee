using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// Writes a batch anew with some of its records: what compaction does. Offsets, sequences, producer and leader epoch stay as they were, so that what a
/// producer's last sequence was can still be read from a batch whose records are all gone. Begin, keep, seal; reusable; belongs to one compaction.
/// </summary>
internal sealed class BatchRewriter
{
    private readonly GrowableBuffer _batch = new();
    private readonly GrowableBuffer _compressed = new();
    private BatchHeader _original;
    private BatchAttributes _attributes;
    private long _baseTimestamp;
    private long _maxTimestamp;
    private int _kept;

    /// <summary>The rewritten batch. Valid until <see cref="Begin"/>.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private set; }

    /// <param name="original">The header of the batch that is rewritten.</param>
    /// <param name="deleteHorizonMs">After this time tombstones and markers of the batch may go; null leaves the horizon it has, if any.</param>
    public void Begin(in BatchHeader original, long? deleteHorizonMs)
    {
        _original = original;
        _attributes = original.Attributes & ~BatchAttributes.CompressionMask;
        _kept = 0;
        _maxTimestamp = original.MaxTimestamp;
        _baseTimestamp = original.HasDeleteHorizon ? original.BaseTimestamp : BatchHeader.NoTimestamp;
        if (deleteHorizonMs is { } horizon)
        {
            _attributes |= BatchAttributes.DeleteHorizon;
            _baseTimestamp = horizon;
        }
        Bytes = default;
        Reserve(_batch);
    }

    /// <summary>Keeps the record that <paramref name="reader"/>, a reader of the original, has reached.</summary>
    public void Keep(scoped in BatchReader reader)
    {
        NoteTimestamp(reader.RecordedTimestampMs);
        var timestampDelta = reader.RecordedTimestampMs - _baseTimestamp;
        var fields = reader.Fields;
        var bodyLength = 1 + VarInt.Length(timestampDelta) + VarInt.Length(reader.OffsetDelta) + fields.Length;
        var destination = _batch.GetSpan(VarInt.MaxLength32 + bodyLength);
        var position = VarInt.Write(destination, bodyLength);
        destination[position++] = 0;
        VarInt.WriteAt(destination, ref position, timestampDelta);
        VarInt.WriteAt(destination, ref position, reader.OffsetDelta);
        fields.CopyTo(destination[position..]);
        _batch.Advance(position + fields.Length);
        _kept++;
    }

    /// <summary>Writes the header and answers it. With a codec, what is left is compressed; a batch without records never is.</summary>
    public BatchHeader Seal(ICompressionCodec? codec)
    {
        var isCompressed = codec is not null && _kept > 0;
        if (isCompressed)
        {
            Reserve(_compressed);
            codec!.Compress(_batch.WrittenSpan[BatchHeader.Size..], _compressed);
        }
        var target = isCompressed ? _compressed : _batch;
        Bytes = target.WrittenMemory;
        return BatchHeader.WriteWithCrc(target.MutableSpan, _original with
        {
            SizeInBytes = target.Length,
            Attributes = _attributes | (isCompressed ? (BatchAttributes)codec!.Type : BatchAttributes.None),
            BaseTimestamp = _baseTimestamp,
            MaxTimestamp = _maxTimestamp,
            RecordCount = _kept,
        });
    }

    private static void Reserve(GrowableBuffer buffer)
    {
        buffer.Clear();
        buffer.GetSpan(BatchHeader.Size)[..BatchHeader.Size].Clear();
        buffer.Advance(BatchHeader.Size);
    }

    /// <summary>
    /// Without a horizon the first record kept is the new base. The largest timestamp follows the records, unless it is the append time of all.
    /// </summary>
    private void NoteTimestamp(long timestampMs)
    {
        var isFirst = _kept == 0;
        if (isFirst && (_attributes & BatchAttributes.DeleteHorizon) == 0)
            _baseTimestamp = timestampMs;
        if ((_attributes & BatchAttributes.LogAppendTime) == 0)
            _maxTimestamp = isFirst ? timestampMs : Math.Max(_maxTimestamp, timestampMs);
    }
}
