using System.Buffers.Binary;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// The 61 bytes in front of every record batch v2, decoded. Big-endian on disk; the CRC covers everything from the attributes on, so the
/// base offset and the leader epoch can be patched without touching it.
/// </summary>
internal readonly record struct BatchHeader
{
    public const int Size = 61;
    public const byte Magic = 2;

    /// <summary>Bytes in front of what <c>batchLength</c> counts: base offset and the length itself.</summary>
    public const int LengthOverhead = 12;

    public const int BaseOffsetAt = 0;
    public const int LengthAt = 8;
    public const int LeaderEpochAt = 12;
    public const int MagicAt = 16;
    public const int CrcAt = 17;
    public const int AttributesAt = 21;
    public const int LastOffsetDeltaAt = 23;
    public const int BaseTimestampAt = 27;
    public const int MaxTimestampAt = 35;
    public const int ProducerIdAt = 43;
    public const int ProducerEpochAt = 51;
    public const int BaseSequenceAt = 53;
    public const int RecordCountAt = 57;

    /// <summary>No timestamp.</summary>
    public const long NoTimestamp = -1;

    public long BaseOffset { get; init; }

    /// <summary>Size of the whole batch in bytes, this header included.</summary>
    public int SizeInBytes { get; init; }

    public int LeaderEpoch { get; init; }

    public uint Crc { get; init; }

    public BatchAttributes Attributes { get; init; }

    public int LastOffsetDelta { get; init; }

    /// <summary>The first record's timestamp, or the delete horizon when <see cref="BatchAttributes.DeleteHorizon"/> is set. Unix milliseconds.</summary>
    public long BaseTimestamp { get; init; }

    /// <summary>The largest timestamp in the batch, or the append time when <see cref="BatchAttributes.LogAppendTime"/> is set. Unix milliseconds.</summary>
    public long MaxTimestamp { get; init; }

    public ProducerIdentity Producer { get; init; }

    public int BaseSequence { get; init; }

    public int RecordCount { get; init; }

    public long LastOffset => BaseOffset + LastOffsetDelta;

    public long NextOffset => LastOffset + 1;

    /// <summary>The sequence of the last record; compaction keeps it, because it follows from the offset delta and not from the count.</summary>
    public int LastSequence => BaseSequence == Sequence.None ? Sequence.None : Sequence.Add(BaseSequence, LastOffsetDelta);

    public CompressionType Compression => (CompressionType)(Attributes & BatchAttributes.CompressionMask);

    public bool IsTransactional => (Attributes & BatchAttributes.Transactional) != 0;

    public bool IsControl => (Attributes & BatchAttributes.Control) != 0;

    public bool IsLogAppendTime => (Attributes & BatchAttributes.LogAppendTime) != 0;

    public bool HasDeleteHorizon => (Attributes & BatchAttributes.DeleteHorizon) != 0;

    public bool HasProducer => !Producer.IsNone;

    /// <summary>Decodes a header whose length, magic and counts are plausible; the CRC is the caller's to check (<see cref="HasValidCrc"/>).</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out BatchHeader header)
    {
        header = default;
        if (source.Length < Size || source[MagicAt] != Magic)
            return false;
        var length = BinaryPrimitives.ReadInt32BigEndian(source[LengthAt..]);
        if (length < Size - LengthOverhead || length > int.MaxValue - LengthOverhead)
            return false;
        header = Read(source);
        return header.LastOffsetDelta >= 0 && header.RecordCount >= 0 && header.BaseOffset >= 0 && header.BaseOffset < long.MaxValue - header.LastOffsetDelta;
    }

    /// <summary>Decodes a header that is known to be whole.</summary>
    public static BatchHeader Read(ReadOnlySpan<byte> source)
    {
        source = source[..Size];
        return new BatchHeader
        {
            BaseOffset = BinaryPrimitives.ReadInt64BigEndian(source[BaseOffsetAt..]),
            SizeInBytes = BinaryPrimitives.ReadInt32BigEndian(source[LengthAt..]) + LengthOverhead,
            LeaderEpoch = BinaryPrimitives.ReadInt32BigEndian(source[LeaderEpochAt..]),
            Crc = BinaryPrimitives.ReadUInt32BigEndian(source[CrcAt..]),
            Attributes = (BatchAttributes)BinaryPrimitives.ReadInt16BigEndian(source[AttributesAt..]),
            LastOffsetDelta = BinaryPrimitives.ReadInt32BigEndian(source[LastOffsetDeltaAt..]),
            BaseTimestamp = BinaryPrimitives.ReadInt64BigEndian(source[BaseTimestampAt..]),
            MaxTimestamp = BinaryPrimitives.ReadInt64BigEndian(source[MaxTimestampAt..]),
            Producer = new ProducerIdentity(
                BinaryPrimitives.ReadInt64BigEndian(source[ProducerIdAt..]),
                BinaryPrimitives.ReadInt16BigEndian(source[ProducerEpochAt..])),
            BaseSequence = BinaryPrimitives.ReadInt32BigEndian(source[BaseSequenceAt..]),
            RecordCount = BinaryPrimitives.ReadInt32BigEndian(source[RecordCountAt..]),
        };
    }

    /// <summary>Writes every field, the CRC as it stands in <see cref="Crc"/>.</summary>
    public void Write(Span<byte> destination)
    {
        // One check of the length instead of one for each field.
        destination = destination[..Size];
        BinaryPrimitives.WriteInt64BigEndian(destination[BaseOffsetAt..], BaseOffset);
        BinaryPrimitives.WriteInt32BigEndian(destination[LengthAt..], SizeInBytes - LengthOverhead);
        BinaryPrimitives.WriteInt32BigEndian(destination[LeaderEpochAt..], LeaderEpoch);
        destination[MagicAt] = Magic;
        BinaryPrimitives.WriteUInt32BigEndian(destination[CrcAt..], Crc);
        BinaryPrimitives.WriteInt16BigEndian(destination[AttributesAt..], (short)Attributes);
        BinaryPrimitives.WriteInt32BigEndian(destination[LastOffsetDeltaAt..], LastOffsetDelta);
        BinaryPrimitives.WriteInt64BigEndian(destination[BaseTimestampAt..], BaseTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(destination[MaxTimestampAt..], MaxTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(destination[ProducerIdAt..], Producer.Id);
        BinaryPrimitives.WriteInt16BigEndian(destination[ProducerEpochAt..], Producer.Epoch);
        BinaryPrimitives.WriteInt32BigEndian(destination[BaseSequenceAt..], BaseSequence);
        BinaryPrimitives.WriteInt32BigEndian(destination[RecordCountAt..], RecordCount);
    }

    /// <summary>
    /// Writes <paramref name="header"/> in front of the records in <paramref name="batch"/> and in <paramref name="rest"/>, its other pieces, with their CRC;
    /// answers the header as it now stands.
    /// </summary>
    public static BatchHeader WriteWithCrc(Span<byte> batch, in BatchHeader header, ReadOnlyMemory<byte>[]? rest = null)
    {
        header.Write(batch);
        var crc = new BatchBytes(batch, rest).ComputeCrc();
        BinaryPrimitives.WriteUInt32BigEndian(batch[CrcAt..], crc);
        return header with { Crc = crc };
    }

    /// <summary>The checksum that <paramref name="batch"/>, one whole batch, should carry.</summary>
    public static uint ComputeCrc(ReadOnlySpan<byte> batch) => Crc32C.Compute(batch[AttributesAt..]);

    public static bool HasValidCrc(BatchBytes batch) => BinaryPrimitives.ReadUInt32BigEndian(batch.First[CrcAt..]) == batch.ComputeCrc();

    /// <summary>Sets the base offset and leader epoch of an encoded batch: all that appending to a log changes, and outside the CRC.</summary>
    public static void Place(Span<byte> batch, long baseOffset, int leaderEpoch)
    {
        BinaryPrimitives.WriteInt64BigEndian(batch[BaseOffsetAt..], baseOffset);
        BinaryPrimitives.WriteInt32BigEndian(batch[LeaderEpochAt..], leaderEpoch);
    }
}
