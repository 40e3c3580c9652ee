using System.Buffers;
using System.Buffers.Binary;

namespace ExactlyOnce.Serialization;

/// <summary>Base of serdes whose values all have one size; any other size is refused.</summary>
internal abstract class FixedSizeSerde<T> : ISerde<T>
{
    private readonly int _sizeInBytes;

    protected FixedSizeSerde(int sizeInBytes) => _sizeInBytes = sizeInBytes;

    public void Serialize(T value, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        Write(value, destination.GetSpan(_sizeInBytes));
        destination.Advance(_sizeInBytes);
    }

    public T Deserialize(ReadOnlySpan<byte> source) => source.Length == _sizeInBytes
        ? Read(source)
        : throw new FormatException($"{typeof(T).Name} takes {_sizeInBytes} bytes, but there are {source.Length}.");

    protected abstract void Write(T value, Span<byte> destination);

    protected abstract T Read(ReadOnlySpan<byte> source);
}

internal sealed class Int16Serde() : FixedSizeSerde<short>(sizeof(short))
{
    protected override void Write(short value, Span<byte> destination) => BinaryPrimitives.WriteInt16BigEndian(destination, value);

    protected override short Read(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadInt16BigEndian(source);
}

internal sealed class Int32Serde() : FixedSizeSerde<int>(sizeof(int))
{
    protected override void Write(int value, Span<byte> destination) => BinaryPrimitives.WriteInt32BigEndian(destination, value);

    protected override int Read(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadInt32BigEndian(source);
}

internal sealed class Int64Serde() : FixedSizeSerde<long>(sizeof(long))
{
    protected override void Write(long value, Span<byte> destination) => BinaryPrimitives.WriteInt64BigEndian(destination, value);

    protected override long Read(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadInt64BigEndian(source);
}

internal sealed class DoubleSerde() : FixedSizeSerde<double>(sizeof(double))
{
    protected override void Write(double value, Span<byte> destination) => BinaryPrimitives.WriteDoubleBigEndian(destination, value);

    protected override double Read(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadDoubleBigEndian(source);
}

internal sealed class BooleanSerde() : FixedSizeSerde<bool>(1)
{
    protected override void Write(bool value, Span<byte> destination) => destination[0] = value ? (byte)1 : (byte)0;

    protected override bool Read(ReadOnlySpan<byte> source) => source[0] switch
    {
        0 => false,
        1 => true,
        var other => throw new FormatException($"Boolean is 0 or 1, but the byte is {other}."),
    };
}

internal sealed class GuidSerde() : FixedSizeSerde<Guid>(16)
{
    protected override void Write(Guid value, Span<byte> destination) => value.TryWriteBytes(destination, bigEndian: true, out _);

    protected override Guid Read(ReadOnlySpan<byte> source) => new(source, bigEndian: true);
}
