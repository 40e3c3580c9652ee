using ExactlyOnce.Engine.Backend;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.States;

/// <summary>
/// What the directory takes when nobody writes and the broker has done its upkeep (I23), against what the configuration and the live data allow: the journal's files, one checkpoint, and for
/// each partition what it holds, with the indexes that such a log may have, and what retention cannot cut yet.
/// </summary>
internal sealed class DiskUse(SimulatedBroker broker)
{
    /// <summary>Names, numbers and lengths around a partition's part of a checkpoint.</summary>
    private const int SectionBytes = 128;

    private const int SegmentEntryBytes = 97;

    /// <summary>Topic id, leader epochs, and the head of a producer snapshot.</summary>
    private const int ToolBytes = 512;

    private const int ToolBytesPerProducer = 64;

    private long _live;
    private long _checkpoint;

    public void Measure()
    {
        var engine = broker.Engine;
        _checkpoint = SectionBytes + LogicalState.Of(engine).TableBytes;
        foreach (var partition in engine.Partitions.InOrder())
            Allow(partition);
        var files = broker.Device.Files().Select(path => (Path: path, Bytes: LengthOf(path))).ToArray();
        var root = SimulationPlan.Root + "/";
        var (journal, topics) = (root + JournalFormat.DirectoryName + "/", root + Directories.Topics + "/");
        // The file in use, and the spare ones.
        Observe("journal", files.Where(file => file.Path.StartsWith(journal, StringComparison.Ordinal)), (1 + new JournalOptions().SpareFilesMax) * engine.Options.JournalFileBytes);
        Observe("checkpoints", files.Where(file => file.Path.EndsWith(Directories.CheckpointSuffix, StringComparison.Ordinal)), _checkpoint);
        Observe("partitions", files.Where(file => file.Path.StartsWith(topics, StringComparison.Ordinal)), _live);
    }

    private void Observe(string what, IEnumerable<(string Path, long Bytes)> files, long bound) =>
        broker.Observe(new ResourceMeasured($"the disk space of the {what}", files.Sum(file => file.Bytes), bound));

    private void Allow(Partition partition)
    {
        var (bytes, largest, batches) = Weigh(partition);
        var options = partition.Options;
        var isCut = (options.Cleanup & CleanupPolicy.Delete) != 0 && options.RetainBytes >= 0;
        var segment = Math.Max(options.SegmentBytes, largest);
        // Retention takes whole segments: the last one in front of what is to be kept stays.
        var unit = Math.Max(segment, partition.View.Segments.Length == 0 ? 0 : partition.View.Segments.ToArray().Max(listed => listed.LogLength));
        var tail = partition.Tail.SizeInBytes;
        if (isCut && bytes > options.RetainBytes + unit + tail)
            broker.Observe(new ResourceMeasured($"the log of {partition.Name}", bytes, options.RetainBytes + unit + tail));
        // Of a segment whose front is deleted all is still there, and so are indexes: an entry of each kind for a batch is more than there can be.
        _live += bytes + unit + (batches + 1 + unit / BatchHeader.Size) * (OffsetIndex.EntrySize + TimeIndex.EntrySize + TransactionIndex.EntrySize);
        _live += ToolBytes + partition.State.ProducerCount * ToolBytesPerProducer;
        _checkpoint += SectionBytes + broker.Plan.Engine.SmallTailBytes + partition.View.Segments.Length * SegmentEntryBytes;
    }

    private static (long Bytes, int Largest, int Batches) Weigh(Partition partition)
    {
        var (bytes, largest, count) = (0L, 0, 0);
        using var cursor = new LogCursor(partition, partition.View.LogStart);
        while (cursor.TryRead(partition.VisibleMark.LogEnd, 64 << 10, out var run) == LogRead.Batches)
            foreach (var header in new BatchSequence(run.Span))
            {
                bytes += header.SizeInBytes;
                largest = Math.Max(largest, header.SizeInBytes);
                count++;
            }
        return (bytes, largest, count);
    }

    private long LengthOf(string path)
    {
        using var file = broker.Device.Open(path, FileOpening.Read);
        return file.Length;
    }
}
