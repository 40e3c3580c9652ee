using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ExactlyOnce.Serialization;

/// <summary>
/// JSON by metadata, never indented. Each thread keeps one writer for all its JSON serdes, so that a record allocates nothing but what its value does.
/// </summary>
internal sealed class JsonSerde<T> : ISerde<T>
{
    /// <summary>
    /// The depth a writer takes when it is told none, said aloud so that writers compare equal. The serializer's own limit is lower and comes first.
    /// </summary>
    private const int DefaultMaxDepth = 1000;

    private readonly JsonTypeInfo<T> _typeInfo;
    private readonly JsonWriterOptions _writerOptions;

    public JsonSerde(JsonTypeInfo<T> typeInfo)
    {
        _typeInfo = typeInfo;
        _writerOptions = new JsonWriterOptions
        {
            Encoder = typeInfo.Options.Encoder,
            MaxDepth = Math.Max(typeInfo.Options.MaxDepth, DefaultMaxDepth),
            SkipValidation = true,
        };
    }

    public void Serialize(T value, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        // Not given back when the value's own code throws: the writer then stands in the middle of a document.
        var writer = JsonWriterPool.Take(_writerOptions, destination);
        JsonSerializer.Serialize(writer, value, _typeInfo);
        writer.Flush();
        JsonWriterPool.Return(writer);
    }

    public T Deserialize(ReadOnlySpan<byte> source) => JsonSerializer.Deserialize(source, _typeInfo)!;
}
