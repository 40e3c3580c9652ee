using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Engine.Recovery;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation.States;

/// <summary>
/// What the directory takes when nobody writes and the broker has done its upkeep (I23), against what the configuration and the live data allow: the journal's
/// files, one checkpoint, and for each partition the segments that it lists, which hold no more than its log and what retention cannot cut off them.
/// </summary>
internal sealed class DiskUse(SimulatedBroker broker)
{
    /// <summary>Names, numbers and lengths around a partition's part of a checkpoint.</summary>
    private const int SectionBytes = 128;

    private const int SegmentEntryBytes = 97;

    /// <summary>Topic id, leader epochs, producer snapshot.</summary>
    private const int ToolFilesMax = 3;

    public void Measure()
    {
        var engine = broker.Engine;
        var partitions = engine.Partitions.InOrder();
        var files = broker.Device.Files().Select(path => (Path: path, Bytes: LengthOf(path))).ToArray();
        // The file in use, and the spare ones.
        Observe("journal", In(files, JournalFormat.DirectoryName), (1 + new JournalOptions().SpareFilesMax) * engine.Options.JournalFileBytes);
        Observe(
            "checkpoints", files.Where(file => file.Path.EndsWith(Directories.CheckpointSuffix, StringComparison.Ordinal)),
            SectionBytes + LogicalState.Of(engine, withLogs: false).TableBytes
                + partitions.Sum(partition => SectionBytes + engine.Options.SmallTailBytes + partition.View.Segments.Length * SegmentEntryBytes));
        var kept = In(files, Directories.Topics).ToLookup(file => SegmentName.TryParse(Path.GetFileName(file.Path), out _, out _));
        Observe("segments", kept[true], partitions.Sum(partition => partition.View.SegmentList.Sum(segment => segment.Description.SizeInBytes)));
        broker.Observe(new ResourceMeasured("the number of other files of partitions", kept[false].Count(), ToolFilesMax * partitions.Length));
        foreach (var partition in partitions)
            MeasureLog(partition);
    }

    private static IEnumerable<(string Path, long Bytes)> In((string Path, long Bytes)[] files, string folder) =>
        files.Where(file => file.Path.StartsWith($"{SimulationPlan.Root}/{folder}/", StringComparison.Ordinal));

    private void Observe(string what, IEnumerable<(string Path, long Bytes)> files, long bound) =>
        broker.Observe(new ResourceMeasured($"the disk space of the {what}", files.Sum(file => file.Bytes), bound));

    private void MeasureLog(Partition partition)
    {
        var bytes = BytesOf(partition);
        var segments = partition.View.SegmentList;
        // Retention takes whole segments: of the one in which the log begins all is still there, and the last one in front of what is to be kept stays.
        var largest = segments.Count == 0 ? 0 : segments.Max(segment => segment.LogLength);
        broker.Observe(new ResourceMeasured($"the listed log of {partition.Name}", segments.Sum(segment => segment.LogLength), bytes + largest));
        var options = partition.Options;
        if ((options.Cleanup & CleanupPolicy.Delete) != 0 && options.RetainBytes >= 0)
            broker.Observe(new ResourceMeasured($"the log of {partition.Name}", bytes, options.RetainBytes + largest + partition.Tail.SizeInBytes));
    }

    private static long BytesOf(Partition partition)
    {
        var bytes = 0L;
        using var cursor = new LogCursor(partition, partition.View.LogStart);
        while (cursor.TryRead(partition.VisibleMark.LogEnd, 64 << 10, out var run) == LogRead.Batches)
            bytes += run.Length;
        return bytes;
    }

    private long LengthOf(string path)
    {
        using var file = broker.Device.Open(path, FileOpening.Read);
        return file.Length;
    }
}
