using System.Buffers;

namespace ExactlyOnce.Serialization;

/// <summary>
/// Stands for values that are objects in this process. Producers and consumers know it and never call it: whoever does wants bytes, and there are none.
/// </summary>
internal sealed class ReferenceSerde<T> : ISerde<T>, IReferenceSerde where T : class
{
    public void Serialize(T value, IBufferWriter<byte> destination) => throw NoBytes();

    public T Deserialize(ReadOnlySpan<byte> source) => throw NoBytes();

    private static InvalidOperationException NoBytes() => new(
        $"{typeof(T).Name} is carried by reference (Serdes.Reference) and has no bytes. Give the topic a serde that writes some, Serdes.Json for example, to take its values out of this process.");
}

/// <summary>Marks a topic whose values are references, whatever their type.</summary>
internal interface IReferenceSerde;
