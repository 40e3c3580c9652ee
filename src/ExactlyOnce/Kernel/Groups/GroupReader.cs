using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups;

/// <summary>
/// Reads what <see cref="GroupWriter"/> wrote. Everything else is an <see cref="InvalidDataException"/>: no byte is believed before its bounds are.
/// </summary>
internal ref struct GroupReader
{
    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private ReadOnlySpan<byte> _rest;

    public GroupReader(ReadOnlySpan<byte> source) => _rest = source;

    public byte Byte() => Take(1)[0];

    public bool Bool() => Byte() switch
    {
        0 => false,
        1 => true,
        _ => throw Broken("a flag that is neither 0 nor 1"),
    };

    public short Int16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    public string Text() => NullableText() ?? throw Broken("a null string");

    public string? NullableText() => Text(Int32());

    public string ShortText() => NullableShortText() ?? throw Broken("a null string");

    /// <summary>A string as Kafka's older formats have it: length i16, −1 for null.</summary>
    public string? NullableShortText() => Text(Int16());

    private string? Text(int length)
    {
        if (length == -1)
            return null;
        try
        {
            return s_strictUtf8.GetString(Take(length));
        }
        catch (DecoderFallbackException)
        {
            throw Broken("a string that is not UTF-8");
        }
    }

    public byte[] Bytes() => Take(Int32()).ToArray();

    /// <summary>A list's count; refused when its items, of at least <paramref name="itemBytesMin"/> bytes each, cannot all be there.</summary>
    public int Count(int itemBytesMin)
    {
        var count = Int32();
        return count >= 0 && (long)count * itemBytesMin <= _rest.Length ? count : throw Broken("an impossible count");
    }

    public PartitionKey Partition()
    {
        var partition = new PartitionKey(Int32(), Int32());
        return partition is { Topic: >= 0, Index: >= 0 } ? partition : throw Broken("a negative partition");
    }

    public ImmutableArray<PartitionKey> Partitions()
    {
        var partitions = new PartitionKey[Count(8)];
        for (var i = 0; i < partitions.Length; i++)
            partitions[i] = Partition();
        return ImmutableArray.Create(partitions);
    }

    public ImmutableArray<int> Topics()
    {
        var topics = new int[Count(4)];
        for (var i = 0; i < topics.Length; i++)
            topics[i] = Int32();
        return ImmutableArray.Create(topics);
    }

    public readonly void End()
    {
        if (!_rest.IsEmpty)
            throw Broken("bytes behind its end");
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length < 0 || length > _rest.Length)
            throw Broken("an end before its end");
        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }

    public static InvalidDataException Broken(string what) => new($"Group state has {what}.");
}
