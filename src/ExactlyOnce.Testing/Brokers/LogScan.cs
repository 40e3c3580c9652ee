using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>Reads all that is committed, as the history knows it.</summary>
internal static class LogScan
{
    private const int BytesMax = 1 << 20;

    public static List<PartitionRead> Read(EngineBackend engine, TopicIncarnations topics, WrittenRecords written)
    {
        var reads = new List<PartitionRead>();
        foreach (var topic in engine.ListTopics().Where(topic => !topic.IsInternal))
            for (var index = 0; index < topic.Partitions; index++)
                reads.Add(Read(engine, new TopicPartition(topic.Name, index), topics, written));
        return reads;
    }

    public static HashSet<string> CompactedTopics(EngineBackend engine) =>
        [.. engine.ListTopics().Where(topic => (topic.Options.Cleanup & CleanupPolicy.Compact) != 0).Select(topic => topic.Name)];

    private static PartitionRead Read(EngineBackend engine, TopicPartition id, TopicIncarnations topics, WrittenRecords written)
    {
        var partition = engine.GetPartition(id);
        var name = topics.Name(partition);
        var begin = partition.ReadableFrom;
        var records = new List<ReadRecord>();
        var decompressor = engine.Engine.Decompressor();
        using var reader = partition.OpenReader(begin, IsolationLevel.ReadCommitted);
        while (reader.TryRead(BytesMax, out var batches))
            ReadBatches(batches.Span, begin, name, written, decompressor, records);
        return new PartitionRead(name, begin, reader.NextOffset, partition.Offsets.LastStable, records);
    }

    private static void ReadBatches(
        ReadOnlySpan<byte> batches, long begin, TopicPartition name, WrittenRecords written, BatchDecompressor decompressor, List<ReadRecord> records)
    {
        while (!batches.IsEmpty)
        {
            var header = BatchHeader.Read(batches);
            var record = decompressor.Open(header, batches[..header.SizeInBytes]);
            while (record.MoveNext())
                if (record.Offset >= begin)
                    records.Add(new ReadRecord(record.Offset, written.ValueAt(name, record.Offset, RecordPrints.Of(record.Fields)), record.TimestampMs));
            batches = batches[header.SizeInBytes..];
        }
    }
}
