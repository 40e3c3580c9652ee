using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace ExactlyOnce.Kernel.Primitives;

/// <summary>CRC-32C (Castagnoli), the checksum of record batches, journal groups and snapshots. Check value of "123456789": E3069283.</summary>
internal static class Crc32C
{
    public static uint Compute(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>Continues a finished checksum over further bytes: <c>Append(Compute(a), b) == Compute(a + b)</c>.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        crc = ~crc;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
            crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));
        foreach (var single in bytes[(bytes.Length & ~7)..])
            crc = BitOperations.Crc32C(crc, single);
        return ~crc;
    }
}
