using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups;

/// <summary>
/// The primitives of group records and snapshots: big-endian integers; a string is its UTF-8 length (i32, −1 for null) and bytes; bytes are their length
/// (i32) and themselves; a list is its count (i32) and items.
/// </summary>
internal readonly struct GroupWriter(IBufferWriter<byte> destination)
{
    public void Byte(byte value)
    {
        destination.GetSpan(1)[0] = value;
        destination.Advance(1);
    }

    public void Bool(bool value) => Byte(value ? (byte)1 : (byte)0);

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

    /// <summary>A string as Kafka's older formats have it: length i16, −1 for null.</summary>
    public void ShortText(string? value)
    {
        if (value is null)
        {
            Int16(-1);
            return;
        }
        var length = Encoding.UTF8.GetByteCount(value);
        Int16(checked((short)length));
        Encoding.UTF8.GetBytes(value, destination.GetSpan(length));
        destination.Advance(length);
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Int32(value.Length);
        destination.Write(value);
    }

    public void Partition(PartitionKey partition)
    {
        Int32(partition.Topic);
        Int32(partition.Index);
    }

    public void Partitions(IReadOnlyCollection<PartitionKey> partitions)
    {
        Int32(partitions.Count);
        foreach (var partition in partitions)
            Partition(partition);
    }

    public void Topics(ImmutableArray<int> topics)
    {
        Int32(topics.Length);
        foreach (var topic in topics)
            Int32(topic);
    }
}
