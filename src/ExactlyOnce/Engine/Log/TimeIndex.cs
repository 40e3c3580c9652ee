using System.Buffers;
using System.Buffers.Binary;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Kafka's time index: 12 bytes an entry, the largest timestamp so far i64 and the relative last offset of the first batch that has it i32; both strictly
/// growing. Read and checked as a whole, because a damaged entry would hide records; look-ups by time are rare.
/// </summary>
internal static class TimeIndex
{
    public const int EntrySize = 12;

    public static void Append(IBufferWriter<byte> destination, long timestampMs, int relativeOffset)
    {
        var span = destination.GetSpan(EntrySize);
        BinaryPrimitives.WriteInt64BigEndian(span, timestampMs);
        BinaryPrimitives.WriteInt32BigEndian(span[8..], relativeOffset);
        destination.Advance(EntrySize);
    }

    public static bool IsValid(ReadOnlySpan<byte> index, uint crc) => index.Length % EntrySize == 0 && Crc32C.Compute(index) == crc;

    /// <summary>
    /// The relative offset to start looking from: no batch that ends in front of it has a record at or after <paramref name="timestampMs"/>.
    /// </summary>
    public static int Find(ReadOnlySpan<byte> index, long timestampMs)
    {
        var (low, high) = (0, index.Length / EntrySize);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (BinaryPrimitives.ReadInt64BigEndian(index[(middle * EntrySize)..]) <= timestampMs)
                low = middle + 1;
            else
                high = middle;
        }
        return low == 0 ? 0 : BinaryPrimitives.ReadInt32BigEndian(index[(((low - 1) * EntrySize) + 8)..]);
    }
}
