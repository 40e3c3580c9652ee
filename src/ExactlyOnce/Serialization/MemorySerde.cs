using System.Buffers;

namespace ExactlyOnce.Serialization;

/// <summary>Bytes out of any memory, copied on the way out.</summary>
internal sealed class MemorySerde : ISerde<ReadOnlyMemory<byte>>
{
    public void Serialize(ReadOnlyMemory<byte> value, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        destination.Write(value.Span);
    }

    public ReadOnlyMemory<byte> Deserialize(ReadOnlySpan<byte> source) => source.ToArray();
}
