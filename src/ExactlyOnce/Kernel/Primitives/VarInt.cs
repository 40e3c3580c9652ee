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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Length(long value)
    {
        var bits = Zigzag(value);
        if (bits < 0x80)
            return 1;
        // One for each begun group of seven bits: (n + 6) / 7, as a multiplication that is exact up to 64.
        return (((64 - BitOperations.LeadingZeroCount(bits)) * 9) + 64) >> 6;
    }

    /// <summary>Writes <paramref name="value"/> and returns the number of bytes. The caller guarantees the room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Write(Span<byte> destination, long value)
    {
        var position = 0;
        WriteAt(destination, ref position, value);
        return position;
    }

    /// <summary>Writes <paramref name="value"/> at <paramref name="position"/> and moves it behind. The caller guarantees the room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WriteAt(Span<byte> destination, ref int position, long value)
    {
        var bits = Zigzag(value);
        if (bits < 0x80)
            destination[position++] = (byte)bits;
        else
            position = WriteMany(destination, position, bits);
    }

    public static bool TryRead(ReadOnlySpan<byte> source, out int value, out int length)
    {
        length = 0;
        return TryReadAt(source, ref length, out value);
    }

    public static bool TryRead64(ReadOnlySpan<byte> source, out long value, out int length)
    {
        length = 0;
        return TryReadAt64(source, ref length, out value);
    }

    /// <summary>Reads at <paramref name="position"/> and moves it behind what was read; leaves it alone when it answers false.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadAt(ReadOnlySpan<byte> source, ref int position, out int value)
    {
        if (TryReadShort(source, ref position, out value))
            return true;
        // The rare path takes and answers values, not references: a local whose address is taken cannot live in a register.
        var (wide, length) = ReadMany(source, position);
        value = (int)wide;
        if (length == 0 || value != wide)
            return false;
        position += length;
        return true;
    }

    /// <summary>Reads at <paramref name="position"/> and moves it behind what was read; leaves it alone when it answers false.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadAt64(ReadOnlySpan<byte> source, ref int position, out long value)
    {
        if (TryReadShort(source, ref position, out var few))
        {
            value = few;
            return true;
        }
        (value, var length) = ReadMany(source, position);
        position += length;
        return length > 0;
    }

    private static ulong Zigzag(long value) => (ulong)((value << 1) ^ (value >> 63));

    private static long Unzigzag(ulong bits) => (long)(bits >> 1) ^ -(long)(bits & 1);

    /// <summary>One byte or two: lengths below 8 KiB and nearly every delta.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryReadShort(ReadOnlySpan<byte> source, ref int position, out int value)
    {
        if ((uint)position < (uint)source.Length)
        {
            int first = source[position];
            if (first < 0x80)
            {
                value = (first >> 1) ^ -(first & 1);
                position++;
                return true;
            }
            if ((uint)(position + 1) < (uint)source.Length && source[position + 1] is > 0 and < 0x80 and var second)
            {
                var bits = (first & 0x7F) | (second << 7);
                value = (bits >> 1) ^ -(bits & 1);
                position += 2;
                return true;
            }
        }
        value = 0;
        return false;
    }

    private static int WriteMany(Span<byte> destination, int position, ulong bits)
    {
        while (bits >= 0x80)
        {
            destination[position++] = (byte)(bits | 0x80);
            bits >>= 7;
        }
        destination[position++] = (byte)bits;
        return position;
    }

    /// <summary>The value and how many bytes it took; zero bytes when it is not one that a writer produces.</summary>
    private static (long Value, int Length) ReadMany(ReadOnlySpan<byte> source, int position)
    {
        if ((uint)position > (uint)source.Length)
            return default;
        ulong bits = 0;
        var rest = source[position..];
        for (var i = 0; i < rest.Length && i < MaxLength64; i++)
        {
            var next = rest[i];
            if (i == MaxLength64 - 1 && next > 1)
                return default;
            bits |= (ulong)(next & 0x7F) << (7 * i);
            if (next < 0x80)
                return next == 0 && i > 0 ? default : (Unzigzag(bits), i + 1);
        }
        return default;
    }
}
