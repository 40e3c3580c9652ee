using System.Runtime.CompilerServices;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Records;

/// <summary>
/// Encodes one record of a batch. The body's length stands in front of it as a varint, so it is computed first and nothing is moved afterwards.
/// </summary>
internal static class RecordEncoder
{
    /// <summary>The smallest record: length, attributes, two deltas, no key, no value, no headers.</summary>
    public const int MinSize = 7;

    /// <summary>Bytes of the record behind its length field. Long, because key and value together may exceed an int.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long BodyLength(
        long timestampDelta, int offsetDelta, int keyLength, bool hasKey, int valueLength, bool hasValue, RecordHeaders? headers)
    {
        var length = 1L + VarInt.Length(timestampDelta) + VarInt.Length(offsetDelta)
            + (hasKey ? VarInt.Length(keyLength) + (long)keyLength : 1)
            + (hasValue ? VarInt.Length(valueLength) + (long)valueLength : 1);
        return headers is null ? length + 1 : length + VarInt.Length(headers.Count) + headers.EncodedLength;
    }

    /// <summary>Writes a record whose <see cref="BodyLength"/> is <paramref name="bodyLength"/>; answers the bytes written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Write(
        Span<byte> destination, int bodyLength, long timestampDelta, int offsetDelta,
        ReadOnlySpan<byte> key, bool hasKey, ReadOnlySpan<byte> value, bool hasValue, RecordHeaders? headers)
    {
        var position = 0;
        VarInt.WriteAt(destination, ref position, bodyLength);
        destination[position++] = 0;
        VarInt.WriteAt(destination, ref position, timestampDelta);
        VarInt.WriteAt(destination, ref position, offsetDelta);
        position = WriteField(destination, position, key, hasKey);
        position = WriteField(destination, position, value, hasValue);
        VarInt.WriteAt(destination, ref position, headers?.Count ?? 0);
        if (headers is not null)
            position += headers.Write(destination[position..]);
        return position;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int WriteField(Span<byte> destination, int position, ReadOnlySpan<byte> field, bool exists)
    {
        VarInt.WriteAt(destination, ref position, exists ? field.Length : -1);
        if (!exists)
            return position;
        field.CopyTo(destination[position..]);
        return position + field.Length;
    }
}
