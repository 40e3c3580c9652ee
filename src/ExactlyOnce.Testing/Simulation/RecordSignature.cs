using System.Buffers.Binary;
using System.Text;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// A record that proves itself: a header holds its unique value and a checksum over key, value bytes, the other headers and the timestamp, so that a reader who
/// reports the value has compared everything. In a header, because a tombstone has no value.
/// </summary>
internal static class RecordSignature
{
    private const string Name = "signature";
    private const int Length = 13;
    private const byte WithTimestamp = 1;

    private static readonly byte[] s_name = Encoding.UTF8.GetBytes(Name);

    /// <summary>Adds the record to the batch.</summary>
    public static void Append(BatchWriter batch, long value, string? key, int paddingBytes, bool isTombstone, long timestampMs, bool isStamped)
    {
        var keyBytes = key is null ? [] : Encoding.UTF8.GetBytes(key);
        var content = new byte[isTombstone ? 0 : paddingBytes];
        // Anything would do that differs from record to record.
        for (var i = 0; i < content.Length; i++)
            content[i] = (byte)((value * 31) + (i * 7));
        var signature = new byte[Length];
        signature[0] = isStamped ? (byte)0 : WithTimestamp;
        BinaryPrimitives.WriteInt64LittleEndian(signature.AsSpan(1), value);
        BinaryPrimitives.WriteUInt32LittleEndian(signature.AsSpan(9), Checksum(signature.AsSpan(0, 9), keyBytes, content, !isTombstone, timestampMs));
        var headers = new RecordHeaders([new RecordHeader(Name, (ReadOnlyMemory<byte>?)signature)]);
        if (!batch.TryAppend(timestampMs, keyBytes, key is not null, content, !isTombstone, headers, int.MaxValue))
            throw new InvalidOperationException("A batch without limit has refused a record.");
    }

    /// <summary>The record as the history knows it; its value is negative when anything about it is not as it was written.</summary>
    public static ReadRecord Read(in BatchReader record)
    {
        var headers = record.Headers;
        if (headers.Count != 1 || !headers.MoveNext() || !headers.Key.SequenceEqual(s_name) || headers.Value.Length != Length)
            return new ReadRecord(record.Offset, -1, record.TimestampMs);
        var value = BinaryPrimitives.ReadInt64LittleEndian(headers.Value[1..]);
        var isSame = BinaryPrimitives.ReadUInt32LittleEndian(headers.Value[9..]) ==
            Checksum(headers.Value[..9], record.Key, record.Value, record.HasValue, record.TimestampMs);
        return new ReadRecord(record.Offset, isSame ? value : -1 - value, record.TimestampMs);
    }

    private static uint Checksum(ReadOnlySpan<byte> head, ReadOnlySpan<byte> key, ReadOnlySpan<byte> content, bool hasContent, long timestampMs)
    {
        Span<byte> rest = stackalloc byte[17];
        BinaryPrimitives.WriteInt64LittleEndian(rest, head[0] == WithTimestamp ? timestampMs : 0);
        BinaryPrimitives.WriteInt32LittleEndian(rest[8..], key.Length);
        BinaryPrimitives.WriteInt32LittleEndian(rest[12..], hasContent ? content.Length : -1);
        return Crc32C.Append(Crc32C.Append(Crc32C.Append(Crc32C.Compute(head), rest), key), content);
    }
}
