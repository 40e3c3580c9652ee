using System.Buffers.Binary;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Kafka's sparse offset index: entries of 8 bytes, relative offset i32 of a batch's first record and position i32 of the batch. Searched in the file: a seek costs a few reads
/// of cached pages and no memory.
/// </summary>
internal readonly struct OffsetIndex(IDiskFile file, long baseOffset, long length)
{
    public const int EntryBytes = 8;

    /// <summary>An entry is written for every so many bytes of log (Kafka: log.index.interval.bytes).</summary>
    public const int IntervalBytes = 4096;

    /// <summary>The position of the last indexed batch that begins at or before <paramref name="offset"/> for certain; 0 when none does.</summary>
    public long PositionNear(long offset)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        var (low, high) = (0L, length / EntryBytes);
        var position = 0L;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            file.Read(middle * EntryBytes, entry);
            if (baseOffset + BinaryPrimitives.ReadInt32BigEndian(entry) <= offset)
            {
                position = BinaryPrimitives.ReadInt32BigEndian(entry[sizeof(int)..]);
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return position;
    }

    public static void Write(Span<byte> destination, int relativeOffset, int position)
    {
        BinaryPrimitives.WriteInt32BigEndian(destination, relativeOffset);
        BinaryPrimitives.WriteInt32BigEndian(destination[sizeof(int)..], position);
    }
}
