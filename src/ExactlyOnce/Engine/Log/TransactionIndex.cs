using System.Buffers;
using System.Buffers.Binary;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Kafka's transaction index: 34 bytes an entry, version i16 = 0, producer id i64, first offset i64, last offset (marker) i64, last stable offset i64; ordered
/// by last offset; stands in the segment that holds the marker. Created with the first entry.
/// </summary>
internal static class TransactionIndex
{
    public const int EntrySize = 34;
    private const short Version = 0;

    public static void Append(IBufferWriter<byte> destination, in AbortedEntry entry)
    {
        var span = destination.GetSpan(EntrySize);
        BinaryPrimitives.WriteInt16BigEndian(span, Version);
        BinaryPrimitives.WriteInt64BigEndian(span[2..], entry.ProducerId);
        BinaryPrimitives.WriteInt64BigEndian(span[10..], entry.FirstOffset);
        BinaryPrimitives.WriteInt64BigEndian(span[18..], entry.LastOffset);
        BinaryPrimitives.WriteInt64BigEndian(span[26..], entry.LastStableOffset);
        destination.Advance(EntrySize);
    }

    /// <summary>False when the bytes are not whole entries of a known version in the order of their last offsets.</summary>
    public static bool TryRead(ReadOnlySpan<byte> index, out AbortedEntry[] entries)
    {
        entries = new AbortedEntry[index.Length / EntrySize];
        if (index.Length % EntrySize != 0)
            return false;
        for (var i = 0; i < entries.Length; i++)
        {
            var span = index.Slice(i * EntrySize, EntrySize);
            entries[i] = new AbortedEntry(
                BinaryPrimitives.ReadInt64BigEndian(span[2..]),
                BinaryPrimitives.ReadInt64BigEndian(span[10..]),
                BinaryPrimitives.ReadInt64BigEndian(span[18..]),
                BinaryPrimitives.ReadInt64BigEndian(span[26..]));
            if (BinaryPrimitives.ReadInt16BigEndian(span) != Version || (i > 0 && entries[i].LastOffset <= entries[i - 1].LastOffset))
                return false;
        }
        return true;
    }
}
