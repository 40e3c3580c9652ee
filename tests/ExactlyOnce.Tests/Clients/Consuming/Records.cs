using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Clients.Consuming;

/// <summary>Batches for the in-memory log.</summary>
internal static class Records
{
    public const long FirstTimestampMs = 1_700_000_000_000;

    public static byte[] Batch(params (string? Key, string? Value)[] records) => Batch(FirstTimestampMs, null, null, records);

    public static byte[] Batch(long timestampMs, RecordHeaders? headers, ICompressionCodec? codec, params (string? Key, string? Value)[] records)
    {
        var writer = new BatchWriter();
        foreach (var (key, value) in records)
        {
            var appended = writer.TryAppend(timestampMs, Bytes(key), key is not null, Bytes(value), value is not null, headers, int.MaxValue);
            appended.Should().BeTrue();
        }
        writer.Seal(ProducerIdentity.None, Sequence.None, BatchAttributes.None, codec);
        return writer.Bytes.ToArray();
    }

    private static ReadOnlySpan<byte> Bytes(string? text) => text is null ? default : System.Text.Encoding.UTF8.GetBytes(text);
}
