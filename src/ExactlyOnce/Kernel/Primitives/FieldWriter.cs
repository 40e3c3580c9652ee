using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace ExactlyOnce.Kernel.Primitives;

/// <summary>Writes the fields of state records and snapshots: big-endian numbers, length-prefixed text and bytes.</summary>
internal readonly ref struct FieldWriter(IBufferWriter<byte> destination)
{
    public void Byte(byte value)
    {
        destination.GetSpan(1)[0] = value;
        destination.Advance(1);
    }

    public void Flag(bool value) => Byte(value ? (byte)1 : (byte)0);

    public void Int16(short value)
    {
        BinaryPrimitives.WriteInt16BigEndian(destination.GetSpan(sizeof(short)), value);
        destination.Advance(sizeof(short));
    }

    public void Int32(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(destination.GetSpan(sizeof(int)), value);
        destination.Advance(sizeof(int));
    }

    public void Int64(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(destination.GetSpan(sizeof(long)), value);
        destination.Advance(sizeof(long));
    }

    public void Guid(Guid value)
    {
        value.TryWriteBytes(destination.GetSpan(16), bigEndian: true, out _);
        destination.Advance(16);
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Int32(value.Length);
        destination.Write(value);
    }

    public void Text(string? value)
    {
        if (value is null)
        {
            Int32(-1);
            return;
        }
        var length = Encoding.UTF8.GetByteCount(value);
        Int32(length);
        Encoding.UTF8.GetBytes(value, destination.GetSpan(length));
        destination.Advance(length);
    }
}
