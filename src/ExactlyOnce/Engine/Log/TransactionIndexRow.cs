using System.Buffers.Binary;

namespace ExactlyOnce.Engine.Log;

/// <summary>One entry of Kafka's transaction index: version i16 = 0, producer id, first offset, marker offset, last stable offset, i64 each. Aborted transactions only.</summary>
internal readonly record struct TransactionIndexRow(long ProducerId, long FirstOffset, long LastOffset, long LastStableOffset)
{
    public const int Bytes = 34;

    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteInt16BigEndian(destination, 0);
        BinaryPrimitives.WriteInt64BigEndian(destination[2..], ProducerId);
        BinaryPrimitives.WriteInt64BigEndian(destination[10..], FirstOffset);
        BinaryPrimitives.WriteInt64BigEndian(destination[18..], LastOffset);
        BinaryPrimitives.WriteInt64BigEndian(destination[26..], LastStableOffset);
    }

    public static TransactionIndexRow Read(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadInt64BigEndian(source[2..]), BinaryPrimitives.ReadInt64BigEndian(source[10..]),
        BinaryPrimitives.ReadInt64BigEndian(source[18..]), BinaryPrimitives.ReadInt64BigEndian(source[26..]));
}
