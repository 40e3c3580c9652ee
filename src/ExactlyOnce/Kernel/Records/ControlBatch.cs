using System.Buffers.Binary;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>Control batches: one record whose key is (version, type). Markers end transactions; every other type is skipped.</summary>
internal static class ControlBatch
{
    /// <summary>Size of a marker batch: the header and a record of 17 bytes.</summary>
    public const int MarkerSize = BatchHeader.Size + 17;

    private const short Version = 0;
    private const int KeyLength = 4;
    private const int MarkerValueLength = 6;

    /// <summary>Writes a marker into the first <see cref="MarkerSize"/> bytes of <paramref name="destination"/>, base offset 0; answers its header.</summary>
    public static BatchHeader WriteMarker(Span<byte> destination, in TransactionMarker marker)
    {
        var batch = destination[..MarkerSize];
        Span<byte> key = stackalloc byte[KeyLength];
        BinaryPrimitives.WriteInt16BigEndian(key, Version);
        BinaryPrimitives.WriteInt16BigEndian(key[2..], (short)(marker.IsCommit ? ControlType.Commit : ControlType.Abort));
        Span<byte> value = stackalloc byte[MarkerValueLength];
        BinaryPrimitives.WriteInt16BigEndian(value, Version);
        BinaryPrimitives.WriteInt32BigEndian(value[2..], marker.CoordinatorEpoch);
        var bodyLength = RecordEncoder.BodyLength(0, 0, KeyLength, true, MarkerValueLength, true, null);
        RecordEncoder.Write(batch[BatchHeader.Size..], (int)bodyLength, 0, 0, key, true, value, true, null);
        return BatchHeader.WriteWithCrc(batch, new BatchHeader
        {
            SizeInBytes = MarkerSize,
            LeaderEpoch = -1,
            Attributes = BatchAttributes.Transactional | BatchAttributes.Control,
            BaseTimestamp = marker.TimestampMs,
            MaxTimestamp = marker.TimestampMs,
            Producer = marker.Producer,
            BaseSequence = Sequence.None,
            RecordCount = 1,
        });
    }

    /// <summary>
    /// Reads the marker of a whole batch. False for a batch that is none: data, a control batch emptied by compaction, a control record of another type.
    /// </summary>
    /// <exception cref="CorruptRecordException">The bytes are not a well-formed control batch.</exception>
    public static bool TryReadMarker(ReadOnlySpan<byte> batch, out TransactionMarker marker)
    {
        marker = default;
        if (!TryReadType(batch, out var type, out var value) || type is not (ControlType.Abort or ControlType.Commit))
            return false;
        // A later version may add fields behind these, it may not move them.
        if (value.Length < MarkerValueLength || BinaryPrimitives.ReadInt16BigEndian(value) < Version)
            throw new CorruptRecordException("A transaction marker without a valid value.");
        var header = BatchHeader.Read(batch);
        marker = new TransactionMarker(
            type == ControlType.Commit, header.Producer, BinaryPrimitives.ReadInt32BigEndian(value[2..]), header.MaxTimestamp);
        return true;
    }

    private static bool TryReadType(ReadOnlySpan<byte> batch, out ControlType type, out ReadOnlySpan<byte> value)
    {
        type = default;
        value = default;
        if (!BatchHeader.TryRead(batch, out var header) || header.SizeInBytes != batch.Length)
            throw new CorruptRecordException("Not one whole record batch.");
        if (!header.IsControl)
            return false;
        if (header.Compression != CompressionType.None)
            throw new CorruptRecordException($"The control batch at offset {header.BaseOffset} is compressed; none ever is.");
        var reader = BatchReader.Open(batch);
        if (!reader.MoveNext())
            return false;
        var record = reader.Current;
        if (record.Key.Length < KeyLength || BinaryPrimitives.ReadInt16BigEndian(record.Key) < Version)
            throw new CorruptRecordException("A control record without a valid key.");
        type = (ControlType)BinaryPrimitives.ReadInt16BigEndian(record.Key[2..]);
        value = record.Value;
        return true;
    }
}
