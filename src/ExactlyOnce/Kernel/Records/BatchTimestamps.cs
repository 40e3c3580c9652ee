using System.Buffers.Binary;

namespace ExactlyOnce.Kernel.Records;

/// <summary>Changes the timestamps of an encoded batch in place. They lie under the CRC, which is computed anew; the records stay as they are.</summary>
internal static class BatchTimestamps
{
    /// <summary>Gives all records of <paramref name="batch"/>, one whole batch, the append time; answers the new header.</summary>
    public static BatchHeader StampAppendTime(Span<byte> batch, long nowMs)
    {
        var attributes = BinaryPrimitives.ReadInt16BigEndian(batch[BatchHeader.AttributesAt..]);
        BinaryPrimitives.WriteInt16BigEndian(batch[BatchHeader.AttributesAt..], (short)(attributes | (short)BatchAttributes.LogAppendTime));
        return CorrectMaxTimestamp(batch, nowMs);
    }

    /// <summary>
    /// Sets the largest timestamp of <paramref name="batch"/>, one whole batch, or of its first piece, behind which come those of <paramref name="rest"/>;
    /// answers the new header.
    /// </summary>
    public static BatchHeader CorrectMaxTimestamp(Span<byte> batch, long maxTimestampMs, ReadOnlyMemory<byte>[]? rest = null)
    {
        BinaryPrimitives.WriteInt64BigEndian(batch[BatchHeader.MaxTimestampAt..], maxTimestampMs);
        return BatchHeader.WriteWithCrc(batch, BatchHeader.Read(batch), rest);
    }
}
