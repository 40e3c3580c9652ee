using System.Buffers.Binary;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Log;

/// <summary>One producer of a snapshot file.</summary>
internal readonly record struct ProducerSnapshotRow(
    long ProducerId, short Epoch, int LastSequence, long LastOffset, int OffsetDelta, long Timestamp, int CoordinatorEpoch, long CurrentTransactionFirstOffset);

/// <summary>
/// Kafka's producer snapshot: version i16 = 1, CRC-32C u32 of what follows it, count i32, entries of 46 bytes; named after the offset up to which it is valid. Written for
/// Kafka's tools; this broker recovers from its own checkpoint, which keeps whole batch windows.
/// </summary>
internal static class ProducerSnapshotFile
{
    private const short Version = 1;
    private const int CrcAt = 2;
    private const int CountAt = 6;
    private const int RowsAt = 10;
    private const int RowBytes = 46;

    public static void Write(IDisk disk, string path, IReadOnlyCollection<ProducerSnapshotRow> rows)
    {
        var bytes = new byte[RowsAt + rows.Count * RowBytes];
        BinaryPrimitives.WriteInt16BigEndian(bytes, Version);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(CountAt), rows.Count);
        var at = RowsAt;
        foreach (var row in rows)
        {
            var span = bytes.AsSpan(at, RowBytes);
            BinaryPrimitives.WriteInt64BigEndian(span, row.ProducerId);
            BinaryPrimitives.WriteInt16BigEndian(span[8..], row.Epoch);
            BinaryPrimitives.WriteInt32BigEndian(span[10..], row.LastSequence);
            BinaryPrimitives.WriteInt64BigEndian(span[14..], row.LastOffset);
            BinaryPrimitives.WriteInt32BigEndian(span[22..], row.OffsetDelta);
            BinaryPrimitives.WriteInt64BigEndian(span[26..], row.Timestamp);
            BinaryPrimitives.WriteInt32BigEndian(span[34..], row.CoordinatorEpoch);
            BinaryPrimitives.WriteInt64BigEndian(span[38..], row.CurrentTransactionFirstOffset);
            at += RowBytes;
        }
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(CrcAt), Crc32C.Compute(bytes.AsSpan(CountAt)));
        using var file = disk.Open(path, FileOpening.Create);
        file.Write(0, bytes);
    }

    /// <summary>The rows, or null when the file is not a whole snapshot.</summary>
    public static ProducerSnapshotRow[]? TryRead(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < RowsAt || BinaryPrimitives.ReadInt16BigEndian(bytes) != Version ||
            BinaryPrimitives.ReadUInt32BigEndian(bytes[CrcAt..]) != Crc32C.Compute(bytes[CountAt..]))
            return null;
        var rows = new ProducerSnapshotRow[BinaryPrimitives.ReadInt32BigEndian(bytes[CountAt..])];
        if (bytes.Length != RowsAt + (long)rows.Length * RowBytes)
            return null;
        for (var i = 0; i < rows.Length; i++)
        {
            var span = bytes.Slice(RowsAt + i * RowBytes, RowBytes);
            rows[i] = new ProducerSnapshotRow(
                BinaryPrimitives.ReadInt64BigEndian(span), BinaryPrimitives.ReadInt16BigEndian(span[8..]), BinaryPrimitives.ReadInt32BigEndian(span[10..]),
                BinaryPrimitives.ReadInt64BigEndian(span[14..]), BinaryPrimitives.ReadInt32BigEndian(span[22..]), BinaryPrimitives.ReadInt64BigEndian(span[26..]),
                BinaryPrimitives.ReadInt32BigEndian(span[34..]), BinaryPrimitives.ReadInt64BigEndian(span[38..]));
        }
        return rows;
    }
}
