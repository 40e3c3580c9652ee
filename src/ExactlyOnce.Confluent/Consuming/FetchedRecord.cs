using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Confluent.Consuming;

/// <summary>A record that was read and not yet handed on.</summary>
internal sealed record FetchedRecord(long Offset, long TimestampMs, bool IsLogAppendTime, int LeaderEpoch, byte[]? Key, byte[]? Value, RecordHeaders Headers)
{
    public static void AddAll(ReadOnlySpan<byte> batches, long from, BatchDecompressor decompressor, Queue<FetchedRecord> fetched)
    {
        while (!batches.IsEmpty)
        {
            var header = BatchHeader.Read(batches);
            var record = decompressor.Open(header, batches[..header.SizeInBytes]);
            while (record.MoveNext())
                if (record.Offset >= from)
                    fetched.Enqueue(new FetchedRecord(
                        record.Offset, record.TimestampMs, header.IsLogAppendTime, header.LeaderEpoch,
                        record.HasKey ? record.Key.ToArray() : null, record.HasValue ? record.Value.ToArray() : null, record.Headers.ToHeaders()));
            batches = batches[header.SizeInBytes..];
        }
    }
}
