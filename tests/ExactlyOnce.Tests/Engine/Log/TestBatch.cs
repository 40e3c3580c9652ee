using System.Text;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Engine.Log;

/// <summary>Encoded batches as the log's tests need them.</summary>
internal static class TestBatch
{
    public const long Epoch2024 = 1_704_067_200_000;

    public static byte[] Of(params (string? Key, string? Value)[] records) => Of(ProducerIdentity.None, -1, false, Epoch2024, null, records);

    public static byte[] At(long timestampMs, params (string? Key, string? Value)[] records) =>
        Of(ProducerIdentity.None, -1, false, timestampMs, null, records);

    public static byte[] Transactional(ProducerIdentity producer, int sequence, params (string? Key, string? Value)[] records) =>
        Of(producer, sequence, true, Epoch2024, null, records);

    /// <summary>The records carry <paramref name="timestampMs"/>, one millisecond more each.</summary>
    public static byte[] Of(
        ProducerIdentity producer, int sequence, bool isTransactional, long timestampMs, ICompressionCodec? codec, params (string? Key, string? Value)[] records)
    {
        var writer = new BatchWriter(256);
        for (var i = 0; i < records.Length; i++)
        {
            var (key, value) = records[i];
            writer.TryAppend(timestampMs + i, Bytes(key), key is not null, Bytes(value), value is not null, null, int.MaxValue).Should().BeTrue();
        }
        writer.Seal(producer, sequence, isTransactional ? BatchAttributes.Transactional : BatchAttributes.None, codec);
        return writer.Bytes.ToArray();
    }

    /// <summary>A batch of so many records without keys and with values of so many bytes.</summary>
    public static byte[] Sized(int records, int valueBytes, long timestampMs = Epoch2024)
    {
        var value = new string('v', valueBytes);
        return At(timestampMs, [.. Enumerable.Repeat(((string?)null, (string?)value), records)]);
    }

    public static byte[] Marker(ProducerIdentity producer, bool isCommit, long timestampMs = Epoch2024)
    {
        var batch = new byte[ControlBatch.MarkerSize];
        ControlBatch.WriteMarker(batch, new TransactionMarker(isCommit, producer, 0, timestampMs));
        return batch;
    }

    public static List<BatchHeader> HeadersIn(ReadOnlySpan<byte> batches)
    {
        var headers = new List<BatchHeader>();
        while (!batches.IsEmpty)
        {
            var header = BatchHeader.Read(batches);
            BatchHeader.HasValidCrc(batches[..header.SizeInBytes]).Should().BeTrue();
            headers.Add(header);
            batches = batches[header.SizeInBytes..];
        }
        return headers;
    }

    public static List<TestBatchRecord> RecordsIn(ReadOnlyMemory<byte> batches)
    {
        var records = new List<TestBatchRecord>();
        var decompressor = new BatchDecompressor(Codecs, int.MaxValue / 2);
        for (var rest = batches; !rest.IsEmpty;)
        {
            var header = BatchHeader.Read(rest.Span);
            if (!header.IsControl)
                Read(decompressor.Open(header, rest.Span[..header.SizeInBytes]), header, records);
            rest = rest[header.SizeInBytes..];
        }
        return records;
    }

    public static ICompressionCodec? Codecs(CompressionType compression) => compression == CompressionType.Gzip ? new GzipCodec() : null;

    private static void Read(BatchReader reader, BatchHeader header, List<TestBatchRecord> records)
    {
        while (reader.MoveNext())
        {
            records.Add(new TestBatchRecord(
                reader.Offset,
                reader.HasKey ? Encoding.UTF8.GetString(reader.Key) : null,
                reader.HasValue ? Encoding.UTF8.GetString(reader.Value) : null,
                reader.TimestampMs,
                header.IsTransactional ? header.Producer.Id : -1));
        }
    }

    private static byte[] Bytes(string? text) => text is null ? [] : Encoding.UTF8.GetBytes(text);
}

internal sealed record TestBatchRecord(long Offset, string? Key, string? Value, long TimestampMs, long TransactionalProducer);
