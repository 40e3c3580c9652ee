using System.Buffers;
using System.Text.Json;

namespace ExactlyOnce.Serialization;

/// <summary>One idle JSON writer per thread. It is taken out while in use: a converter that serializes in turn gets another one.</summary>
internal static class JsonWriterPool
{
    [ThreadStatic]
    private static Utf8JsonWriter? s_idle;

    /// <summary>A writer onto <paramref name="destination"/>. Give it back only when the document is complete.</summary>
    public static Utf8JsonWriter Take(JsonWriterOptions options, IBufferWriter<byte> destination)
    {
        var writer = s_idle;
        s_idle = null;
        // A writer cannot change its options. Topics of one application seldom differ in them.
        if (writer is null || writer.Options.Encoder != options.Encoder || writer.Options.MaxDepth != options.MaxDepth)
            return new Utf8JsonWriter(destination, options);
        writer.Reset(destination);
        return writer;
    }

    public static void Return(Utf8JsonWriter writer) => s_idle = writer;
}
