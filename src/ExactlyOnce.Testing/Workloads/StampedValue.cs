using System.Buffers.Binary;
using System.Text;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Testing.Workloads;

/// <summary>
/// A record's value in a test's workload: a number that is unique over the whole history, and a checksum over it, the record's key and what fills the record
/// up. Who reads the number back has compared all of them.
/// </summary>
internal static class StampedValue
{
    /// <summary>What is read when the bytes are not those that were written with a number.</summary>
    public const long Damaged = -1;

    private const int HeadBytes = 12;

    public static byte[] Encode(long value, string? key, int padding)
    {
        var bytes = new byte[HeadBytes + padding];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        for (var i = 0; i < padding; i++)
            bytes[HeadBytes + i] = (byte)(value + i);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), ChecksumOf(bytes, key));
        return bytes;
    }

    public static long Decode(ReadOnlySpan<byte> bytes, string? key) =>
        bytes.Length >= HeadBytes && BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]) == ChecksumOf(bytes, key)
            ? BinaryPrimitives.ReadInt64BigEndian(bytes)
            : Damaged;

    private static uint ChecksumOf(ReadOnlySpan<byte> bytes, string? key)
    {
        var checksum = Crc32C.Append(Crc32C.Compute(bytes[..8]), bytes[HeadBytes..]);
        return key is null ? checksum : Crc32C.Append(checksum, Encoding.UTF8.GetBytes(key));
    }
}
