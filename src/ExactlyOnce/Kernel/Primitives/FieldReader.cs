using System.Buffers.Binary;
using System.Text;

namespace ExactlyOnce.Kernel.Primitives;

/// <summary>
/// Reads what <see cref="FieldWriter"/> wrote. Every read checks what is left, so that damaged input ends in <see cref="InvalidDataException"/> and in nothing
/// else.
/// </summary>
internal ref struct FieldReader(ReadOnlySpan<byte> source)
{
    // Replacing what is not UTF-8 would make another value of it.
    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = source;

    public readonly int Remaining => _rest.Length;

    public byte Byte() => Take(1)[0];

    public bool Flag() => Byte() switch
    {
        0 => false,
        1 => true,
        var other => throw new InvalidDataException($"A flag is 0 or 1, not {other}."),
    };

    public short Int16() => BinaryPrimitives.ReadInt16BigEndian(Take(sizeof(short)));

    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Take(sizeof(int)));

    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(sizeof(long)));

    public Guid Guid() => new(Take(16), bigEndian: true);

    public ReadOnlySpan<byte> Bytes() => Take(Int32());

    public string Text() => OptionalText() ?? throw new InvalidDataException("A text that must not be null is null.");

    public string? OptionalText()
    {
        var length = Int32();
        if (length == -1)
            return null;
        try
        {
            return s_strictUtf8.GetString(Take(length));
        }
        catch (DecoderFallbackException exception)
        {
            throw new InvalidDataException("A text that is not UTF-8.", exception);
        }
    }

    /// <summary>
    /// A number of items of at least <paramref name="itemBytesMin"/> bytes each; bounded by what is left, so that a damaged count cannot exhaust memory.
    /// </summary>
    public int Count(int itemBytesMin)
    {
        var count = Int32();
        if (count < 0 || (long)count * itemBytesMin > _rest.Length)
            throw new InvalidDataException($"{count} items cannot stand in {_rest.Length} bytes.");
        return count;
    }

    public readonly void ExpectEnd()
    {
        if (_rest.Length != 0)
            throw new InvalidDataException($"{_rest.Length} bytes too many.");
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length < 0 || length > _rest.Length)
            throw new InvalidDataException($"{length} bytes wanted, {_rest.Length} left.");
        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }
}
