using System.Buffers;
using System.Buffers.Binary;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The segments of a partition as they stand in its checkpoint snapshot. Version i16 = 1, count i32, then 97 bytes for each: base offset i64, generation i32,
/// next offset i64, log length i64, lengths of offset, time and transaction index i32 each, CRC of time index u32 and of transaction index u32, last indexed
/// position i32, last indexed timestamp i64, largest timestamp i64 and its offset i64, first and last append i64 each, flags u8 (1 sealed, 2 holes), CRC of
/// offsets u32.
/// Big-endian. The snapshot around it carries the CRC.
/// </summary>
internal static class SegmentList
{
    private const short Version = 1;
    private const int HeaderSize = 6;
    private const int EntrySize = 97;
    private const byte SealedFlag = 1;
    private const byte HolesFlag = 2;

    public static void Write(IBufferWriter<byte> destination, IReadOnlyList<LogSegment> segments)
    {
        var span = destination.GetSpan(HeaderSize);
        BinaryPrimitives.WriteInt16BigEndian(span, Version);
        BinaryPrimitives.WriteInt32BigEndian(span[2..], segments.Count);
        destination.Advance(HeaderSize);
        foreach (var segment in segments)
        {
            WriteEntry(destination.GetSpan(EntrySize), segment.Description);
            destination.Advance(EntrySize);
        }
    }

    /// <exception cref="InvalidDataException">The bytes are not a list of ascending segments.</exception>
    public static SegmentDescription[] Read(ReadOnlySpan<byte> source, out int bytesRead)
    {
        if (source.Length < HeaderSize || BinaryPrimitives.ReadInt16BigEndian(source) != Version)
            throw new InvalidDataException("Not a segment list of a known version.");
        var count = BinaryPrimitives.ReadInt32BigEndian(source[2..]);
        if (count < 0 || count > (source.Length - HeaderSize) / EntrySize)
            throw new InvalidDataException("A segment list is longer than its bytes.");
        var segments = new SegmentDescription[count];
        for (var i = 0; i < count; i++)
        {
            segments[i] = ReadEntry(source.Slice(HeaderSize + (i * EntrySize), EntrySize));
            AssertFollows(i == 0 ? null : segments[i - 1], segments[i]);
        }
        bytesRead = HeaderSize + (count * EntrySize);
        return segments;
    }

    private static void AssertFollows(SegmentDescription? previous, SegmentDescription segment)
    {
        var isOrdered = segment is { BaseOffset: >= 0, LogLength: >= 0 and <= int.MaxValue, Name.Generation: >= 0 } && segment.NextOffset >= segment.BaseOffset
            && IsWholeEntries(segment.OffsetIndexLength, OffsetIndex.EntrySize) && IsWholeEntries(segment.TimeIndexLength, TimeIndex.EntrySize)
            && IsWholeEntries(segment.TransactionIndexLength, TransactionIndex.EntrySize) && segment.LastIndexedPosition >= -1
            && (previous is null || (previous.IsSealed && previous.NextOffset <= segment.BaseOffset));
        if (!isOrdered)
            throw new InvalidDataException($"The segment at offset {segment.BaseOffset} does not follow the one in front of it.");
    }

    private static bool IsWholeEntries(int length, int entrySize) => length >= 0 && length % entrySize == 0;

    private static void WriteEntry(Span<byte> span, SegmentDescription segment)
    {
        BinaryPrimitives.WriteInt64BigEndian(span, segment.BaseOffset);
        BinaryPrimitives.WriteInt32BigEndian(span[8..], segment.Name.Generation);
        BinaryPrimitives.WriteInt64BigEndian(span[12..], segment.NextOffset);
        BinaryPrimitives.WriteInt64BigEndian(span[20..], segment.LogLength);
        BinaryPrimitives.WriteInt32BigEndian(span[28..], segment.OffsetIndexLength);
        BinaryPrimitives.WriteInt32BigEndian(span[32..], segment.TimeIndexLength);
        BinaryPrimitives.WriteInt32BigEndian(span[36..], segment.TransactionIndexLength);
        BinaryPrimitives.WriteUInt32BigEndian(span[40..], segment.TimeIndexCrc);
        BinaryPrimitives.WriteUInt32BigEndian(span[44..], segment.TransactionIndexCrc);
        BinaryPrimitives.WriteInt32BigEndian(span[48..], segment.LastIndexedPosition);
        BinaryPrimitives.WriteInt64BigEndian(span[52..], segment.LastIndexedTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(span[60..], segment.MaxTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(span[68..], segment.MaxTimestampOffset);
        BinaryPrimitives.WriteInt64BigEndian(span[76..], segment.FirstAppendMs);
        BinaryPrimitives.WriteInt64BigEndian(span[84..], segment.LastAppendMs);
        span[92] = (byte)((segment.IsSealed ? SealedFlag : 0) | (segment.HasHoles ? HolesFlag : 0));
        BinaryPrimitives.WriteUInt32BigEndian(span[93..], segment.OffsetsCrc);
    }

    private static SegmentDescription ReadEntry(ReadOnlySpan<byte> span) => new()
    {
        Name = new SegmentName(BinaryPrimitives.ReadInt64BigEndian(span), BinaryPrimitives.ReadInt32BigEndian(span[8..])),
        NextOffset = BinaryPrimitives.ReadInt64BigEndian(span[12..]),
        LogLength = BinaryPrimitives.ReadInt64BigEndian(span[20..]),
        OffsetIndexLength = BinaryPrimitives.ReadInt32BigEndian(span[28..]),
        TimeIndexLength = BinaryPrimitives.ReadInt32BigEndian(span[32..]),
        TransactionIndexLength = BinaryPrimitives.ReadInt32BigEndian(span[36..]),
        TimeIndexCrc = BinaryPrimitives.ReadUInt32BigEndian(span[40..]),
        TransactionIndexCrc = BinaryPrimitives.ReadUInt32BigEndian(span[44..]),
        LastIndexedPosition = BinaryPrimitives.ReadInt32BigEndian(span[48..]),
        LastIndexedTimestamp = BinaryPrimitives.ReadInt64BigEndian(span[52..]),
        MaxTimestamp = BinaryPrimitives.ReadInt64BigEndian(span[60..]),
        MaxTimestampOffset = BinaryPrimitives.ReadInt64BigEndian(span[68..]),
        FirstAppendMs = BinaryPrimitives.ReadInt64BigEndian(span[76..]),
        LastAppendMs = BinaryPrimitives.ReadInt64BigEndian(span[84..]),
        IsSealed = (span[92] & SealedFlag) != 0,
        HasHoles = (span[92] & HolesFlag) != 0,
        OffsetsCrc = BinaryPrimitives.ReadUInt32BigEndian(span[93..]),
    };
}
