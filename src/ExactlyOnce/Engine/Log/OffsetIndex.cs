using System.Buffers;
using System.Buffers.Binary;
using ExactlyOnce.Engine.Disk;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Kafka's offset index: 8 bytes an entry, the relative last offset of a batch i32 and its position i32. Searched in the file, a few reads of the page cache
/// for each seek; sequential reading does not need it. A damaged entry does no harm: the batch it points to must say the same last offset.
/// </summary>
internal static class OffsetIndex
{
    public const int EntrySize = 8;

    public static void Append(IBufferWriter<byte> destination, int relativeOffset, int position)
    {
        var span = destination.GetSpan(EntrySize);
        BinaryPrimitives.WriteInt32BigEndian(span, relativeOffset);
        BinaryPrimitives.WriteInt32BigEndian(span[4..], position);
        destination.Advance(EntrySize);
    }

    /// <summary>The last entry at or below <paramref name="relativeOffset"/>; null when there is none.</summary>
    public static OffsetIndexEntry? Find(IDiskFile file, int length, long relativeOffset)
    {
        Span<byte> bytes = stackalloc byte[EntrySize];
        var (low, high) = (0, length / EntrySize);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (!TryRead(file, middle, bytes, out var entry))
                return null;
            if (entry.RelativeOffset <= relativeOffset)
                low = middle + 1;
            else
                high = middle;
        }
        return low > 0 && TryRead(file, low - 1, bytes, out var found) ? found : null;
    }

    public static bool TryRead(IDiskFile file, int number, Span<byte> bytes, out OffsetIndexEntry entry)
    {
        entry = default;
        if (file.Read((long)number * EntrySize, bytes) < EntrySize)
            return false;
        entry = new OffsetIndexEntry(BinaryPrimitives.ReadInt32BigEndian(bytes), BinaryPrimitives.ReadInt32BigEndian(bytes[4..]));
        return true;
    }
}

/// <param name="RelativeOffset">Last offset of the batch, relative to the segment's base.</param>
/// <param name="Position">Where the batch begins.</param>
internal readonly record struct OffsetIndexEntry(int RelativeOffset, int Position);
