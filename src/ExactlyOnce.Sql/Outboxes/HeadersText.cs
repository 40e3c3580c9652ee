using System.Buffers;
using System.Text;
using System.Text.Json;

namespace ExactlyOnce.Sql.Outboxes;

/// <summary>
/// Headers in a column of text: JSON, one array of name and value for each, in order. A value is text where its bytes are UTF-8, {"base64":"…"} where they
/// are not, or null: <c>[["tenant","acme"],["trace",{"base64":"/wA="}],["empty",null]]</c>.
/// </summary>
internal static class HeadersText
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static string? Write(RecordHeaders? headers)
    {
        if (headers is null or { Count: 0 })
            return null;
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            foreach (var header in headers)
                Write(writer, header);
            writer.WriteEndArray();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <exception cref="FormatException">The text is not what <see cref="Write(RecordHeaders?)"/> writes.</exception>
    public static RecordHeaders? Read(string? text)
    {
        if (text is null)
            return null;
        try
        {
            using var document = JsonDocument.Parse(text);
            return RecordHeaders.Create([.. document.RootElement.EnumerateArray().Select(Read)]);
        }
        catch (Exception exception) when (
            exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or IndexOutOfRangeException)
        {
            throw new FormatException("The headers are not JSON of the form [[\"name\",\"value\"]].", exception);
        }
    }

    private static void Write(Utf8JsonWriter writer, RecordHeader header)
    {
        writer.WriteStartArray();
        writer.WriteStringValue(header.Key);
        if (header.Value is not { } value)
            writer.WriteNullValue();
        else if (TryGetText(value.Span, out var text))
            writer.WriteStringValue(text);
        else
        {
            writer.WriteStartObject();
            writer.WriteBase64String("base64", value.Span);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private static RecordHeader Read(JsonElement header)
    {
        var (name, value) = (header[0].GetString()!, header[1]);
        return value.ValueKind == JsonValueKind.Object
            ? new RecordHeader(name, value.GetProperty("base64").GetBytesFromBase64())
            : new RecordHeader(name, value.GetString());
    }

    private static bool TryGetText(ReadOnlySpan<byte> bytes, out string text)
    {
        try
        {
            text = s_strict.GetString(bytes);
            return true;
        }
        catch (DecoderFallbackException)
        {
            text = "";
            return false;
        }
    }
}
