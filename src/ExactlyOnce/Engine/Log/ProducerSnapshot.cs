using System.Buffers.Binary;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Kafka's producer snapshot, <c>%020d.snapshot</c>: version i16 = 1, CRC-32C u32 of all that follows, count i32, then 46 bytes for each producer. Written
/// for Kafka's tools; the broker itself recovers from its checkpoint, which remembers more batches.
/// </summary>
internal static class ProducerSnapshot
{
    public const string Suffix = ".snapshot";

    private const short Version = 1;
    private const int CrcAt = 2;
    private const int CountAt = 6;
    private const int HeaderSize = 10;
    private const int RowSize = 46;

    /// <summary>Name of the snapshot of the state in front of <paramref name="offset"/>.</summary>
    public static string FileName(long offset) => SegmentName.DigitsOf(offset) + Suffix;

    public static byte[] Encode(ReadOnlySpan<ProducerSnapshotRow> rows)
    {
        var bytes = new byte[HeaderSize + (rows.Length * RowSize)];
        BinaryPrimitives.WriteInt16BigEndian(bytes, Version);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(CountAt), rows.Length);
        for (var i = 0; i < rows.Length; i++)
            WriteRow(bytes.AsSpan(HeaderSize + (i * RowSize)), rows[i]);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(CrcAt), Crc32C.Compute(bytes.AsSpan(CountAt)));
        return bytes;
    }

    /// <summary>False when the bytes are not a whole snapshot of a known version.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out ProducerSnapshotRow[] rows)
    {
        rows = [];
        if (bytes.Length < HeaderSize
            || BinaryPrimitives.ReadInt16BigEndian(bytes) != Version
            || BinaryPrimitives.ReadUInt32BigEndian(bytes[CrcAt..]) != Crc32C.Compute(bytes[CountAt..]))
            return false;
        var count = BinaryPrimitives.ReadInt32BigEndian(bytes[CountAt..]);
        if (count < 0 || (long)count * RowSize != bytes.Length - HeaderSize)
            return false;
        rows = new ProducerSnapshotRow[count];
        for (var i = 0; i < count; i++)
            rows[i] = ReadRow(bytes[(HeaderSize + (i * RowSize))..]);
        return true;
    }

    /// <summary>Writes the snapshot of the state in front of <paramref name="offset"/> and syncs it; the directory is the caller's to sync.</summary>
    public static void Write(IDisk disk, string directory, long offset, ReadOnlySpan<ProducerSnapshotRow> rows) =>
        WholeFile.Replace(disk, Path.Combine(directory, FileName(offset)), Encode(rows));

    private static void WriteRow(Span<byte> span, in ProducerSnapshotRow row)
    {
        BinaryPrimitives.WriteInt64BigEndian(span, row.ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(span[8..], row.Epoch);
        BinaryPrimitives.WriteInt32BigEndian(span[10..], row.LastSequence);
        BinaryPrimitives.WriteInt64BigEndian(span[14..], row.LastOffset);
        BinaryPrimitives.WriteInt32BigEndian(span[22..], row.OffsetDelta);
        BinaryPrimitives.WriteInt64BigEndian(span[26..], row.Timestamp);
        BinaryPrimitives.WriteInt32BigEndian(span[34..], row.CoordinatorEpoch);
        BinaryPrimitives.WriteInt64BigEndian(span[38..], row.CurrentTransactionFirstOffset);
    }

    private static ProducerSnapshotRow ReadRow(ReadOnlySpan<byte> span) => new(
        BinaryPrimitives.ReadInt64BigEndian(span),
        BinaryPrimitives.ReadInt16BigEndian(span[8..]),
        BinaryPrimitives.ReadInt32BigEndian(span[10..]),
        BinaryPrimitives.ReadInt64BigEndian(span[14..]),
        BinaryPrimitives.ReadInt32BigEndian(span[22..]),
        BinaryPrimitives.ReadInt64BigEndian(span[26..]),
        BinaryPrimitives.ReadInt32BigEndian(span[34..]),
        BinaryPrimitives.ReadInt64BigEndian(span[38..]));
}
