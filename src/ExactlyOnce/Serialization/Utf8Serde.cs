using System.Buffers;
using System.Text;

namespace ExactlyOnce.Serialization;

/// <summary>Strict UTF-8: what cannot be written or read back exactly is refused.</summary>
internal sealed class Utf8Serde : ISerde<string>
{
    /// <summary>Up to here the room for the worst case is cheaper than counting first.</summary>
    private const int ShortTextChars = 256;

    private static readonly UTF8Encoding s_encoding = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public void Serialize(string value, IBufferWriter<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(destination);
        try
        {
            var room = value.Length <= ShortTextChars ? s_encoding.GetMaxByteCount(value.Length) : s_encoding.GetByteCount(value);
            destination.Advance(s_encoding.GetBytes(value, destination.GetSpan(room)));
        }
        catch (EncoderFallbackException exception)
        {
            throw new FormatException($"The text has half a surrogate pair at {exception.Index} and cannot be written as UTF-8.", exception);
        }
    }

    public string Deserialize(ReadOnlySpan<byte> source)
    {
        try
        {
            return s_encoding.GetString(source);
        }
        catch (DecoderFallbackException exception)
        {
            throw new FormatException($"The bytes are not UTF-8 (at {exception.Index}).", exception);
        }
    }
}
