using System.Numerics;
using System.Runtime.CompilerServices;

namespace ExactlyOnce.Kernel.Primitives;

/// <summary>
/// Zigzag varints of the record format: seven bits a byte, least significant first, the high bit says "more".
/// Reading refuses what a writer never produces: more than 5 (10) bytes, bits beyond 32 (64), a needless last zero byte.
/// </summary>
internal static class VarInt
{
    public const int MaxLength32 = 5;
    public const int MaxLength64 = 10;

    public static int Length(long value)
    {
        var bits = 64 - BitOperations.LeadingZeroCount(Zigzag(value) | 1);
        return (bits + 6) / 7;
    }

    /// <summary>Writes <paramref name="value"/> and returns the number of bytes. The caller guarantees the room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Write(Span<byte> destination, long value)
    {
        var bits = Zigzag(value);
        if (bits >= 0x80)
            return WriteMany(destination, bits);
        destination[0] = (byte)bits;
        return 1;
    }

    public static bool TryRead(ReadOnlySpan<byte> source, out int value, out int length)
    {
        var read = TryRead64(source, out var wide, out length);
        value = (int)wide;
        return read && wide == value && length <= MaxLength32;
    }

    public static bool TryRead64(ReadOnlySpan<byte> source, out long value, out int length)
    {
        ulong bits = 0;
        var count = Math.Min(source.Length, MaxLength64);
        for (var i = 0; i < count; i++)
        {
            var next = source[i];
            if (i == MaxLength64 - 1 && next > 1)
                break;
            bits |= (ulong)(next & 0x7F) << (7 * i);
            if (next < 0x80)
            {
                if (next == 0 && i > 0)
                    break;
                value = Unzigzag(bits);
                length = i + 1;
                return true;
            }
        }
        value = 0;
        length = 0;
        return false;
    }

    /// <summary>Reads at <paramref name="position"/> and moves it behind what was read; leaves it alone when it answers false.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadAt(ReadOnlySpan<byte> source, ref int position, out int value)
    {
        if ((uint)position < (uint)source.Length && source[position] is < 0x80 and var single)
        {
            value = (single >> 1) ^ -(single & 1);
            position++;
            return true;
        }
        return TryReadMany(source, ref position, out value);
    }

    /// <summary>Reads at <paramref name="position"/> and moves it behind what was read; leaves it alone when it answers false.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadAt64(ReadOnlySpan<byte> source, ref int position, out long value)
    {
        if ((uint)position < (uint)source.Length && source[position] is < 0x80 and var single)
        {
            value = (single >> 1) ^ -(single & 1);
            position++;
            return true;
        }
        return TryReadMany64(source, ref position, out value);
    }

    private static ulong Zigzag(long value) => (ulong)((value << 1) ^ (value >> 63));

    private static long Unzigzag(ulong bits) => (long)(bits >> 1) ^ -(long)(bits & 1);

    private static int WriteMany(Span<byte> destination, ulong bits)
    {
        var length = 0;
        while (bits >= 0x80)
        {
            destination[length++] = (byte)(bits | 0x80);
            bits >>= 7;
        }
        destination[length++] = (byte)bits;
        return length;
    }

    private static bool TryReadMany(ReadOnlySpan<byte> source, ref int position, out int value)
    {
        if ((uint)position < (uint)source.Length && TryRead(source[position..], out value, out var length))
        {
            position += length;
            return true;
        }
        value = 0;
        return false;
    }

    private static bool TryReadMany64(ReadOnlySpan<byte> source, ref int position, out long value)
    {
        if ((uint)position < (uint)source.Length && TryRead64(source[position..], out value, out var length))
        {
            position += length;
            return true;
        }
        value = 0;
        return false;
    }
}
