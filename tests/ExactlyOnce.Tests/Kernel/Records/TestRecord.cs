using CsCheck;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Kernel.Records;

/// <summary>A record as tests speak of it: copied out, comparable as text.</summary>
internal sealed record TestRecord(long TimestampMs, byte[]? Key, byte[]? Value, (string Key, byte[]? Value)[] Headers)
{
    private static readonly Gen<byte[]?> s_field = Gen.Frequency(
        (1, Gen.Const((byte[]?)null)), (6, Gen.Byte.Array[0, 20].Select(b => (byte[]?)b)), (1, Gen.Byte.Array[100, 300].Select(b => (byte[]?)b)));

    private static readonly Gen<(string, byte[]?)[]> s_headers = Gen.Frequency(
        (3, Gen.Const(Array.Empty<(string, byte[]?)>())),
        (1, Gen.Select(Gen.Char['a', 'ÿ'].Array[0, 5].Select(c => new string(c)), s_field).Array[0, 4]));

    private static readonly Gen<long> s_timestamp = Gen.Frequency((20, Gen.Long[1_700_000_000_000, 1_700_000_100_000]), (1, Gen.Long));

    public static readonly Gen<TestRecord[]> Batch =
        Gen.Select(s_timestamp, s_field, s_field, s_headers, (t, k, v, h) => new TestRecord(t, k, v, h)).Array[1, 30];

    public static TestRecord Of(string? key, string? value, long timestampMs = 1_700_000_000_000) =>
        new(timestampMs, key is null ? null : System.Text.Encoding.UTF8.GetBytes(key), value is null ? null : System.Text.Encoding.UTF8.GetBytes(value), []);

    public bool TryAppendTo(BatchWriter writer, int maxBatchBytes = int.MaxValue) =>
        writer.TryAppend(TimestampMs, Key, Key is not null, Value, Value is not null, ToHeaders(), maxBatchBytes);

    public RecordHeaders? ToHeaders() => Headers.Length == 0 ? null : RecordHeaders.Create([.. Headers.Select(h => new RecordHeader(h.Key, h.Value))]);

    public static TestRecord Copy(in BatchReader reader) => new(
        reader.TimestampMs,
        reader.HasKey ? reader.Key.ToArray() : null,
        reader.HasValue ? reader.Value.ToArray() : null,
        [.. reader.Headers.ToHeaders().Select(h => (h.Key, h.Value?.ToArray()))]);

    public static List<TestRecord> ReadAll(BatchReader reader)
    {
        var records = new List<TestRecord>();
        while (reader.MoveNext())
            records.Add(Copy(reader));
        return records;
    }

    /// <summary>One sealed batch of these records, copied out.</summary>
    public static byte[] Encode(IEnumerable<TestRecord> records, ICompressionCodec? codec = null, ProducerIdentity? producer = null, int baseSequence = 0)
    {
        var writer = new BatchWriter(256);
        foreach (var record in records)
            record.TryAppendTo(writer).Should().BeTrue();
        writer.Seal(producer ?? new ProducerIdentity(4711, 3), producer is { IsNone: true } ? Sequence.None : baseSequence, BatchAttributes.None, codec);
        return writer.Bytes.ToArray();
    }

    public override string ToString() =>
        $"{TimestampMs} {Show(Key)} {Show(Value)} {string.Join(',', Headers.Select(h => $"{h.Key}={Show(h.Value)}"))}";

    public bool Equals(TestRecord? other) => other is not null && ToString() == other.ToString();

    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    private static string Show(byte[]? bytes) => bytes is null ? "null" : $"[{Convert.ToHexString(bytes)}]";
}
