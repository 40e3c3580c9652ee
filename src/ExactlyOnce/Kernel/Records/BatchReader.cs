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
    private readonly ReadOnlySpan<byte> _records;
    private readonly long _baseOffset;
    private readonly long _baseTimestamp;
    private readonly long _appendTimestamp;
    private readonly bool _isLogAppendTime;
    private readonly int _baseSequence;
    private readonly int _lastOffsetDelta;
    private readonly int _recordCount;

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

    /// <summary>Reads <paramref name="records"/>, the decompressed bytes behind <paramref name="header"/>.</summary>
    public BatchReader(scoped in BatchHeader header, ReadOnlySpan<byte> records)
    {
        _records = records;
        _baseOffset = header.BaseOffset;
        _baseTimestamp = header.BaseTimestamp;
        _appendTimestamp = header.MaxTimestamp;
        _isLogAppendTime = header.IsLogAppendTime;
        _baseSequence = header.BaseSequence;
        _lastOffsetDelta = header.LastOffsetDelta;
        _recordCount = header.RecordCount;
        _offsetDelta = -1;
        // Checked before anything is sized by it: whoever allocates RecordCount slots must not be led astray by a header alone.
        if (_recordCount < 0 || _recordCount > records.Length / RecordEncoder.MinSize)
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

    /// <summary>The record reached.</summary>
    public readonly RecordView Current => new()
    {
        Offset = _baseOffset + _offsetDelta,
        TimestampMs = _isLogAppendTime ? _appendTimestamp : _baseTimestamp + _timestampDelta,
        Sequence = _baseSequence < 0 ? Primitives.Sequence.None : Primitives.Sequence.Add(_baseSequence, _offsetDelta),
        Key = _records.Slice(_keyAt, Math.Max(_keyLength, 0)),
        HasKey = _keyLength >= 0,
        Value = _records.Slice(_valueAt, Math.Max(_valueLength, 0)),
        HasValue = _valueLength >= 0,
        Headers = new RecordHeaderReader(_records[_headersAt.._position], _headerCount),
    };

    /// <summary>The offset of the record reached, relative to the base offset.</summary>
    public readonly int OffsetDelta => _offsetDelta;

    public readonly BatchReader GetEnumerator() => this;

    /// <exception cref="CorruptRecordException">The next record is damaged, or bytes follow the last one.</exception>
    public bool MoveNext()
    {
        if (_read == _recordCount)
        {
            if (_position != _records.Length)
                Throw("bytes behind its last record");
            return false;
        }
        if (!VarInt.TryReadAt(_records, ref _position, out var length) || (uint)length > (uint)(_records.Length - _position))
            Throw("a record length that leaves the batch");
        ReadRecord(_records[..(_position + length)]);
        _read++;
        return true;
    }

    private void ReadRecord(ReadOnlySpan<byte> bytes)
    {
        var position = _position + 1;
        if (!VarInt.TryReadAt64(bytes, ref position, out _timestampDelta))
            Throw("a record with a damaged timestamp");
        if (!VarInt.TryReadAt(bytes, ref position, out var offsetDelta))
            Throw("a record with a damaged offset");
        if (offsetDelta <= _offsetDelta || offsetDelta > _lastOffsetDelta)
            Throw("a record offset out of order");
        _offsetDelta = offsetDelta;
        ReadField(bytes, ref position, out _keyAt, out _keyLength);
        ReadField(bytes, ref position, out _valueAt, out _valueLength);
        if (!VarInt.TryReadAt(bytes, ref position, out _headerCount) || _headerCount < 0)
            Throw("a record with a damaged header count");
        _headersAt = position;
        if (_headerCount > 0 && !RecordHeaderReader.TrySkip(bytes, ref position, _headerCount))
            Throw("a record with damaged headers");
        if (position != bytes.Length)
            Throw("a record that is shorter than its length says");
        _position = position;
    }

    private readonly void ReadField(ReadOnlySpan<byte> bytes, ref int position, out int at, out int length)
    {
        if (!VarInt.TryReadAt(bytes, ref position, out length) || length < -1 || length > bytes.Length - position)
            Throw("a record whose key or value leaves the record");
        at = position;
        position += Math.Max(length, 0);
    }

    [DoesNotReturn]
    private readonly void Throw(string what) =>
        throw new CorruptRecordException($"The batch at offset {_baseOffset} has {what} (record {_read}, byte {_position}).");
}
