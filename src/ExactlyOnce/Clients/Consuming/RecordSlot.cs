using System.Diagnostics.CodeAnalysis;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// Where one record's parts lie in the bytes it was read from. Positions instead of the spans of a <see cref="RecordView"/>, because what a consumer hands out
/// outlives the call that decoded it, and because decoding must go on later in the middle of a batch. A length of −1 says null.
/// </summary>
internal struct RecordSlot
{
    public long Offset { get; private set; }

    public long TimestampMs { get; private set; }

    public int KeyAt { get; private set; }

    public int KeyLength { get; private set; }

    public int ValueAt { get; private set; }

    public int ValueLength { get; private set; }

    /// <summary>Where the headers begin: behind their count.</summary>
    public int HeadersAt { get; private set; }

    public int HeaderCount { get; private set; }

    /// <summary>Where the record ends.</summary>
    public int End { get; private set; }

    /// <summary>The timestamp is the broker's, of the append.</summary>
    public bool IsLogAppendTime { get; private set; }

    public readonly ReadOnlySpan<byte> Key(ReadOnlySpan<byte> source) => KeyLength < 0 ? default : source.Slice(KeyAt, KeyLength);

    public readonly ReadOnlySpan<byte> Value(ReadOnlySpan<byte> source) => ValueLength < 0 ? default : source.Slice(ValueAt, ValueLength);

    public readonly RecordHeaders Headers(ReadOnlySpan<byte> source) =>
        HeaderCount == 0 ? RecordHeaders.Empty : new RecordHeaderReader(source[HeadersAt..End], HeaderCount).ToHeaders();

    /// <summary>Becomes the record that begins at <paramref name="at"/>. The next one begins at its <see cref="End"/>.</summary>
    /// <exception cref="CorruptRecordException">These bytes are not a record of the batch.</exception>
    public void Decode(in BatchHeader batch, ReadOnlySpan<byte> source, int at)
    {
        if (!VarInt.TryReadAt(source, ref at, out var length) || (uint)length > (uint)(source.Length - at))
            Throw(batch, "a record length that leaves the batch");
        var record = source[..(at + length)];
        at++; // The record's attributes: none is in use.
        if (!VarInt.TryReadAt64(record, ref at, out var timestampDelta))
            Throw(batch, "a record with a damaged timestamp");
        if (!VarInt.TryReadAt(record, ref at, out var offsetDelta) || (uint)offsetDelta > (uint)batch.LastOffsetDelta)
            Throw(batch, "a record with a damaged offset");
        var (keyAt, keyLength) = ReadField(batch, record, ref at);
        var (valueAt, valueLength) = ReadField(batch, record, ref at);
        if (!VarInt.TryReadAt(record, ref at, out var headerCount) || headerCount < 0)
            Throw(batch, "a record with a damaged header count");
        var headersAt = at;
        if ((headerCount > 0 && !RecordHeaderReader.TrySkip(record, ref at, headerCount)) || at != record.Length)
            Throw(batch, "a record with damaged headers");
        Offset = batch.BaseOffset + offsetDelta;
        IsLogAppendTime = batch.IsLogAppendTime;
        TimestampMs = IsLogAppendTime ? batch.MaxTimestamp : batch.BaseTimestamp + timestampDelta;
        (KeyAt, KeyLength) = (keyAt, keyLength);
        (ValueAt, ValueLength) = (valueAt, valueLength);
        (HeadersAt, HeaderCount) = (headersAt, headerCount);
        End = at;
    }

    private static (int At, int Length) ReadField(in BatchHeader batch, ReadOnlySpan<byte> record, ref int at)
    {
        if (!VarInt.TryReadAt(record, ref at, out var length) || length < -1 || length > record.Length - at)
            Throw(batch, "a record whose key or value leaves the record");
        var start = at;
        at += Math.Max(length, 0);
        return (start, length);
    }

    [DoesNotReturn]
    private static void Throw(in BatchHeader batch, string what) =>
        throw new CorruptRecordException($"The batch at offset {batch.BaseOffset} has {what}.");
}
