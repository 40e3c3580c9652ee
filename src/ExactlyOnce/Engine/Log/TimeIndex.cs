using System.Buffers.Binary;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Engine.Log;

/// <summary>Kafka's time index: entries of 12 bytes, timestamp i64 (the largest so far) and relative offset i32 of the record that has it; both grow.</summary>
internal readonly struct TimeIndex(IDiskFile file, long baseOffset, long length)
{
    public const int EntryBytes = 12;

    /// <summary>The offset of the last entry whose timestamp is below <paramref name="timestampMs"/>: nothing in front of it is that young. The segment's base when there is none.</summary>
    public long OffsetNear(long timestampMs)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        var (low, high) = (0L, length / EntryBytes);
        var offset = baseOffset;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            file.Read(middle * EntryBytes, entry);
            if (BinaryPrimitives.ReadInt64BigEndian(entry) < timestampMs)
            {
                offset = baseOffset + BinaryPrimitives.ReadInt32BigEndian(entry[sizeof(long)..]);
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return offset;
    }

    public static void Write(Span<byte> destination, long timestampMs, int relativeOffset)
    {
        BinaryPrimitives.WriteInt64BigEndian(destination, timestampMs);
        BinaryPrimitives.WriteInt32BigEndian(destination[sizeof(long)..], relativeOffset);
    }
}
