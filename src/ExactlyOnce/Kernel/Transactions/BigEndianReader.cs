using System.Buffers.Binary;
using System.Text;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>Reads what <see cref="BigEndianWriter"/> wrote; <see cref="InvalidDataException"/> for anything else.</summary>
internal ref struct BigEndianReader(ReadOnlySpan<byte> source)
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = source;

    public byte Byte() => Take(1)[0];

    public short Int16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public string Text()
    {
        var length = Int16();
        if (length < 0)
            throw new InvalidDataException("A text of negative length.");
        try
        {
            return s_strict.GetString(Take(length));
        }
        catch (DecoderFallbackException exception)
        {
            throw new InvalidDataException("A text that is not UTF-8.", exception);
        }
    }

    /// <summary>
    /// A count of things of at least <paramref name="itemBytesMin"/> bytes each: a count that cannot be true is refused before anything is allocated for it.
    /// </summary>
    public int Count(int itemBytesMin)
    {
        var count = Int32();
        if (count < 0 || (long)count * itemBytesMin > _rest.Length)
            throw new InvalidDataException($"A count of {count} with {_rest.Length} bytes left.");
        return count;
    }

    public readonly void AssertEnd()
    {
        if (_rest.Length != 0)
            throw new InvalidDataException($"{_rest.Length} bytes too many.");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_rest.Length < count)
            throw new InvalidDataException($"{count} bytes expected, {_rest.Length} left.");
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
