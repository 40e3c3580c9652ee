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
        var bits = 64 - System.Numerics.BitOperations.LeadingZeroCount(Zigzag(value) | 1);
        return (bits + 6) / 7;
    }

    /// <summary>Writes <paramref name="value"/> and returns the number of bytes. The caller guarantees the room.</summary>
    public static int Write(Span<byte> destination, long value)
    {
        var rest = Zigzag(value);
        var length = 0;
        while (rest >= 0x80)
        {
            destination[length++] = (byte)(rest | 0x80);
            rest >>= 7;
        }
        destination[length++] = (byte)rest;
        return length;
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
                value = (long)(bits >> 1) ^ -(long)(bits & 1);
                length = i + 1;
                return true;
            }
        }
        value = 0;
        length = 0;
        return false;
    }

    private static ulong Zigzag(long value) => (ulong)((value << 1) ^ (value >> 63));
}
