using System.Buffers;

namespace ExactlyOnce.Serialization;

/// <summary>A value type's serde for its nullable form. Null itself never gets here: the client writes and reads it as a null field.</summary>
internal sealed class NullableSerde<T>(ISerde<T> serde) : ISerde<T?>
    where T : struct
{
    public void Serialize(T? value, IBufferWriter<byte> destination) =>
        serde.Serialize(value ?? throw new ArgumentNullException(nameof(value)), destination);

    public T? Deserialize(ReadOnlySpan<byte> source) => serde.Deserialize(source);
}
