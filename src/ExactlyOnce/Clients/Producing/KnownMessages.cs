using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Clients.Producing;

/// <summary>Writes a batch anew without the records whose message ids the partition knows already. Rare: only when a duplicate was met.</summary>
internal static class KnownMessages
{
    public static BatchWriter Remove(BatchOperation batch, IReadOnlyDictionary<int, long> duplicates, BrokerBackend backend)
    {
        var writer = new BatchWriter(batch.Batch.Length);
        var decompressor = new BatchDecompressor(backend.GetCodec, int.MaxValue);
        var position = 0;
        foreach (var record in decompressor.Open(batch.Header, batch.Batch.Span))
        {
            if (duplicates.ContainsKey(position++))
                continue;
            var isWritten = writer.TryAppend(
                record.TimestampMs, record.Key, record.HasKey, record.Value, record.HasValue, record.Headers.ToHeaders(), int.MaxValue);
            if (!isWritten)
                throw new InvalidOperationException("A part of a batch cannot be larger than the whole.");
        }
        return writer;
    }
}
