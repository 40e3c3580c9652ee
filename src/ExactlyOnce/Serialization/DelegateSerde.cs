using System.Buffers;

namespace ExactlyOnce.Serialization;

/// <summary>Two functions of the user's as a serde.</summary>
internal sealed class DelegateSerde<T>(Action<T, IBufferWriter<byte>> serialize, Func<ReadOnlySpan<byte>, T> deserialize) : ISerde<T>
{
    public void Serialize(T value, IBufferWriter<byte> destination) => serialize(value, destination);

    public T Deserialize(ReadOnlySpan<byte> source) => deserialize(source);
}
