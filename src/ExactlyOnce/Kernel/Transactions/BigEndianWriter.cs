using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>Writes fixed-size big-endian fields and length-prefixed UTF-8.</summary>
internal readonly ref struct BigEndianWriter(IBufferWriter<byte> destination)
{
    public void Byte(byte value)
    {
        destination.GetSpan(1)[0] = value;
        destination.Advance(1);
    }

    public void Int16(short value)
    {
        BinaryPrimitives.WriteInt16BigEndian(destination.GetSpan(2), value);
        destination.Advance(2);
    }

    public void Int32(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(destination.GetSpan(4), value);
        destination.Advance(4);
    }

    public void Int64(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(destination.GetSpan(8), value);
        destination.Advance(8);
    }

    /// <summary>Length in bytes as int16, then UTF-8: also Kafka's STRING.</summary>
    public void Text(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        Int16(checked((short)length));
        Encoding.UTF8.GetBytes(value, destination.GetSpan(length));
        destination.Advance(length);
    }
}
