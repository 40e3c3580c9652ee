using System.Diagnostics.CodeAnalysis;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// Goes over the records of one batch: <c>while (reader.MoveNext()) Use(reader.Current)</c>. Reads decompressed bytes; a <see cref="BatchDecompressor"/>
/// makes them. Does not check the CRC. Whatever is not what a writer produces (overlong varint, length that leaves the buffer, bytes behind the last
/// record, offsets that do not ascend) throws <see cref="CorruptRecordException"/>, the only exception in here.
/// </summary>
internal ref struct BatchReader
{
    private readonly RecordPieces? _pieces;
    private readonly long _baseOffset;
    private readonly long _baseTimestamp;
    private readonly long _appendTimestamp;
    private readonly bool _isLogAppendTime;
    private readonly int _baseSequence;
    private readonly int _lastOffsetDelta;
    private readonly int _recordCount;

    private ReadOnlySpan<byte> _records;
    private int _read;
    private int _position;
    private int _offsetDelta;
    private long _timestampDelta;
    private int _keyAt;
    private int _keyLength;
    private int _valueAt;
    private int _valueLength;
    private int _headersAt;
    private int _headerCount;

    /// <summary>
    /// Reads <paramref name="records"/>, the decompressed bytes behind <paramref name="header"/>, or their first piece. What was answered of a record is valid
    /// until the next one then.
    /// </summary>
    public BatchReader(scoped in BatchHeader header, ReadOnlySpan<byte> records, RecordPieces? pieces = null)
    {
        _records = records;
        _pieces = pieces;
        _baseOffset = header.BaseOffset;
        _baseTimestamp = header.BaseTimestamp;
        _appendTimestamp = header.MaxTimestamp;
        _isLogAppendTime = header.IsLogAppendTime;
        _baseSequence = header.BaseSequence;
        _lastOffsetDelta = header.LastOffsetDelta;
        _recordCount = header.RecordCount;
        _offsetDelta = -1;
        // Checked before anything is sized by it: whoever allocates RecordCount slots must not be led astray by a header alone.
        if (_recordCount < 0 || _recordCount > (records.Length + (pieces?.Remaining ?? 0)) / RecordEncoder.MinSize)
            Throw("more records than its bytes can hold");
    }

    /// <summary>Reads one whole batch that is not compressed.</summary>
    public static BatchReader Open(ReadOnlySpan<byte> batch)
    {
        if (!BatchHeader.TryRead(batch, out var header) || header.SizeInBytes != batch.Length)
            throw new CorruptRecordException("Not one whole record batch.");
        if (header.Compression != CompressionType.None)
            throw new InvalidOperationException("The batch is compressed; a BatchDecompressor reads it.");
        return new BatchReader(header, batch[BatchHeader.Size..]);
    }

    /// <summary>How many records the batch holds; never more than its bytes allow.</summary>
    public readonly int RecordCount => _recordCount;

    /// <summary>The record reached, as one value; the properties below are the same without the copy.</summary>
    public readonly RecordView Current => new()
    {
        Offset = Offset,
        TimestampMs = TimestampMs,
        Sequence = Sequence,
        Key = Key,
        HasKey = HasKey,
        Value = Value,
        HasValue = HasValue,
        Headers = Headers,
    };

    /// <summary>The offset of the record reached.</summary>
    public readonly long Offset => _baseOffset + _offsetDelta;

    /// <summary>The offset of the record reached, relative to the base offset.</summary>
    public readonly int OffsetDelta => _offsetDelta;

    /// <summary>The producer's time of the record reached, or the append time of the whole batch. Unix milliseconds, −1 for none.</summary>
    public readonly long TimestampMs => _isLogAppendTime ? _appendTimestamp : _baseTimestamp + _timestampDelta;

    /// <summary>The timestamp that stands in the record, whatever the batch says of append time.</summary>
    public readonly long RecordedTimestampMs => _baseTimestamp + _timestampDelta;

    /// <summary>The number of the record reached in its producer's sequence, −1 for none.</summary>
    public readonly int Sequence => _baseSequence < 0 ? Primitives.Sequence.None : Primitives.Sequence.Add(_baseSequence, _offsetDelta);

    /// <summary>The key of the record reached.</summary>
    public readonly ReadOnlySpan<byte> Key => _records.Slice(_keyAt, Math.Max(_keyLength, 0));

    /// <summary>False for a null key, which is not the same as an empty one.</summary>
    public readonly bool HasKey => _keyLength >= 0;

    /// <summary>The value of the record reached.</summary>
    public readonly ReadOnlySpan<byte> Value => _records.Slice(_valueAt, Math.Max(_valueLength, 0));

    /// <summary>False for a null value: a tombstone in a compacted topic.</summary>
    public readonly bool HasValue => _valueLength >= 0;

    /// <summary>The headers of the record reached, read as they are asked for.</summary>
    public readonly RecordHeaderReader Headers => new(_records[_headersAt.._position], _headerCount);

    /// <summary>The encoded key, value and headers of the record reached: what stays the same when its batch is rewritten.</summary>
    public readonly ReadOnlySpan<byte> Fields => _records[(_keyAt - VarInt.Length(_keyLength)).._position];

    public readonly BatchReader GetEnumerator() => this;

    /// <exception cref="CorruptRecordException">The next record is damaged, or bytes follow the last one.</exception>
    public bool MoveNext()
    {
        if (_read == _recordCount)
        {
            if (_position != _records.Length || _pieces is { Remaining: > 0 })
                Throw("bytes behind its last record");
            return false;
        }
        var position = _position;
        if (!VarInt.TryReadAt(_records, ref position, out var length) || (uint)length > (uint)(_records.Length - position))
            GoOn(out position, out length);
        ReadRecord(_records[..(position + length)], position);
        _read++;
        return true;
    }

    /// <summary>The next record lies in another piece, or goes on there.</summary>
    private void GoOn(out int position, out int length)
    {
        while (true)
        {
            position = _position;
            var isLengthKnown = VarInt.TryReadAt(_records, ref position, out length);
            if (isLengthKnown && (uint)length <= (uint)(_records.Length - position))
                return;
            var unread = _records[_position..];
            var wanted = isLengthKnown ? position - _position + (long)(uint)length : unread.Length + 1;
            if (_pieces is null || (!isLengthKnown && unread.Length >= VarInt.MaxLength32) || !_pieces.TryGrow(ref unread, wanted))
                Throw("a record length that leaves the batch");
            _records = unread;
            _position = 0;
        }
    }

    private void ReadRecord(ReadOnlySpan<byte> bytes, int position)
    {
        // The attributes of a record are reserved.
        position++;
        if (!VarInt.TryReadAt64(bytes, ref position, out var timestampDelta))
            Throw("a record with a damaged timestamp");
        if (!VarInt.TryReadAt(bytes, ref position, out var offsetDelta) || offsetDelta <= _offsetDelta || offsetDelta > _lastOffsetDelta)
            Throw("a record offset out of order");
        if (!VarInt.TryReadAt(bytes, ref position, out var keyLength) || keyLength < -1 || keyLength > bytes.Length - position)
            Throw("a record with a damaged key");
        var keyAt = position;
        position += Math.Max(keyLength, 0);
        if (!VarInt.TryReadAt(bytes, ref position, out var valueLength) || valueLength < -1 || valueLength > bytes.Length - position)
            Throw("a record with a damaged value");
        var valueAt = position;
        position += Math.Max(valueLength, 0);
        if (!VarInt.TryReadAt(bytes, ref position, out var headerCount) || headerCount < 0)
            Throw("a record with a damaged header count");
        _headersAt = position;
        if (headerCount > 0)
            position = SkipHeaders(bytes, position, headerCount);
        if (position != bytes.Length)
            Throw("a record that is shorter than its length says");
        _timestampDelta = timestampDelta;
        _offsetDelta = offsetDelta;
        _keyAt = keyAt;
        _keyLength = keyLength;
        _valueAt = valueAt;
        _valueLength = valueLength;
        _headerCount = headerCount;
        _position = position;
    }

    private readonly int SkipHeaders(ReadOnlySpan<byte> bytes, int position, int count)
    {
        if (!RecordHeaderReader.TrySkip(bytes, ref position, count))
            Throw("a record with damaged headers");
        return position;
    }

    [DoesNotReturn]
    private readonly void Throw(string what) =>
        throw new CorruptRecordException($"The batch at offset {_baseOffset} has {what} (record {_read}, byte {_position}).");
}
