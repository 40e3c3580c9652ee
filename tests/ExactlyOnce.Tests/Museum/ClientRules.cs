using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Tests.Engine.Log;

namespace ExactlyOnce.Tests.Museum;

/// <summary>
/// What Kafka's clients make of a fetched log and the list of aborted transactions that comes with it, sorted by first offset. Written from their rules, not
/// from ours.
/// </summary>
internal static class ClientRules
{
    /// <summary>Java (CompletedFetch): a producer is aborted from the first offset of an entry to its next abort marker.</summary>
    public static List<TestBatchRecord> ReadAsJava(TestLog log)
    {
        var waiting = new Queue<AbortedEntry>(AbortedOf(log).OrderBy(entry => entry.FirstOffset));
        var aborted = new HashSet<long>();
        return Read(log, (header, batch) =>
        {
            while (waiting.TryPeek(out var next) && next.FirstOffset <= header.LastOffset)
                aborted.Add(waiting.Dequeue().ProducerId);
            if (header.IsControl && IsAbort(batch))
                aborted.Remove(header.Producer.Id);
            return !header.IsControl && !(header.IsTransactional && aborted.Contains(header.Producer.Id));
        });
    }

    /// <summary>librdkafka (rd_kafka_aborted_txns): each producer has a list of first offsets; a marker takes the first of them away.</summary>
    public static List<TestBatchRecord> ReadAsLibrdkafka(TestLog log)
    {
        var aborted = AbortedOf(log).GroupBy(entry => entry.ProducerId)
            .ToDictionary(group => group.Key, group => new Queue<long>(group.Select(entry => entry.FirstOffset).Order()));
        return Read(log, (header, batch) =>
        {
            var first = aborted.GetValueOrDefault(header.Producer.Id);
            if (header.IsControl)
            {
                if (IsAbort(batch) && first is { Count: > 0 } && first.Peek() <= header.BaseOffset)
                    first.Dequeue();
                return false;
            }
            return !(header.IsTransactional && first is { Count: > 0 } && header.BaseOffset >= first.Peek());
        });
    }

    private static List<AbortedEntry> AbortedOf(TestLog log)
    {
        var entries = new List<AbortedEntry>();
        log.View.CollectAborted(0, log.LastStable, entries);
        return entries;
    }

    private static bool IsAbort(ReadOnlyMemory<byte> batch) => ControlBatch.TryReadMarker(batch.Span, out var marker) && !marker.IsCommit;

    private static List<TestBatchRecord> Read(TestLog log, Func<BatchHeader, ReadOnlyMemory<byte>, bool> isGiven)
    {
        using var cursor = new LogCursor(log, 0);
        var records = new List<TestBatchRecord>();
        while (cursor.TryRead(log.LastStable, 1 << 20, out var batches) == LogRead.Batches)
        {
            for (var rest = batches; !rest.IsEmpty;)
            {
                var header = BatchHeader.Read(rest.Span);
                var batch = rest[..header.SizeInBytes];
                if (isGiven(header, batch))
                    records.AddRange(TestBatch.RecordsIn(batch));
                rest = rest[header.SizeInBytes..];
            }
        }
        return records;
    }
}
