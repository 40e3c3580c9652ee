using System.Buffers;

namespace ExactlyOnce;

/// <summary>Writes a key or a value. Must be thread-safe, and must not call back into the producer it serves.</summary>
/// <typeparam name="T">The type written.</typeparam>
public interface ISerializer<in T>
{
    /// <summary>
    /// Writes <paramref name="value"/>. A serializer that throws leaves the batch as it was; the exception reaches the caller of Send or Post.
    /// </summary>
    void Serialize(T value, IBufferWriter<byte> destination);
}

/// <summary>Reads a key or a value. Must be thread-safe.</summary>
/// <typeparam name="T">The type read.</typeparam>
public interface IDeserializer<out T>
{
    /// <summary>Reads a value. The span is valid only during the call.</summary>
    T Deserialize(ReadOnlySpan<byte> source);
}

/// <summary>Writes and reads one type.</summary>
/// <typeparam name="T">The type written and read.</typeparam>
public interface ISerde<T> : ISerializer<T>, IDeserializer<T>;
