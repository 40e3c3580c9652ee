using System.Buffers;

namespace ExactlyOnce.Serialization;

/// <summary>Byte arrays, copied on the way out: the log's memory never leaves the library.</summary>
internal sealed class BytesSerde : ISerde<byte[]>
{
    public void Serialize(byte[] value, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(destination);
        destination.Write(value);
    }

    public byte[] Deserialize(ReadOnlySpan<byte> source) => source.ToArray();
}
