using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace ExactlyOnce.Kernel.Primitives;

/// <summary>CRC-32C (Castagnoli), the checksum of record batches, journal groups and snapshots. Check value of "123456789": E3069283.</summary>
internal static class Crc32C
{
    /// <summary>
    /// The processor's CRC instruction takes three cycles and can be begun every cycle, so long input is summed in three lanes side by side (measured: 61
    /// instead of 147 ns for a KiB), where the processor cannot fold it (<see cref="Crc32CFolding"/>). What a lane adds is joined by a table that says what the
    /// zeros of the next lane would make of it.
    /// </summary>
    private const int LaneBytes = 256;

    private const int LaneWords = LaneBytes / sizeof(ulong);

    private static readonly uint[] s_overLane = BuildOverLane();

    public static uint Compute(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>Continues a finished checksum over further bytes: <c>Append(Compute(a), b) == Compute(a + b)</c>.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        crc = ~crc;
        if (bytes.Length >= Crc32CFolding.BlockBytes && Crc32CFolding.IsSupported)
        {
            var folded = bytes.Length & -Crc32CFolding.BlockBytes;
            crc = Crc32CFolding.Append(crc, bytes[..folded]);
            bytes = bytes[folded..];
        }
        for (; bytes.Length >= 3 * LaneBytes; bytes = bytes[(3 * LaneBytes)..])
            crc = AppendLanes(crc, MemoryMarshal.Cast<byte, ulong>(bytes[..(3 * LaneBytes)]));
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(bytes))
            crc = AppendWord(crc, word);
        foreach (var single in bytes[(bytes.Length & ~7)..])
            crc = BitOperations.Crc32C(crc, single);
        return ~crc;
    }

    private static uint AppendLanes(uint crc, ReadOnlySpan<ulong> words)
    {
        uint second = 0, third = 0;
        for (var i = 0; i < LaneWords; i++)
        {
            crc = AppendWord(crc, words[i]);
            second = AppendWord(second, words[i + LaneWords]);
            third = AppendWord(third, words[i + 2 * LaneWords]);
        }
        return OverLane(OverLane(crc) ^ second) ^ third;
    }

    private static uint AppendWord(uint crc, ulong word) =>
        BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word));

    /// <summary>The sum after a lane of zeros; one table of 256 for each byte of it.</summary>
    private static uint OverLane(uint crc)
    {
        var table = s_overLane;
        return table[crc & 0xFF] ^ table[256 + ((crc >> 8) & 0xFF)] ^ table[512 + ((crc >> 16) & 0xFF)] ^ table[768 + (crc >> 24)];
    }

    private static uint[] BuildOverLane()
    {
        var table = new uint[4 * 256];
        for (var i = 0; i < table.Length; i++)
        {
            var crc = (uint)(i & 0xFF) << (8 * (i >> 8));
            for (var word = 0; word < LaneWords; word++)
                crc = BitOperations.Crc32C(crc, 0UL);
            table[i] = crc;
        }
        return table;
    }
}
