using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>A partition's folder, and the small files in it that Kafka's tools look for. This broker recovers without them.</summary>
internal static class PartitionFolder
{
    /// <summary>Topic id, leader epochs, and the producer snapshot at the end of what the segments hold.</summary>
    public static void WriteTools(IDisk disk, string directory, Partition partition, PartitionCapture capture)
    {
        if (!disk.FileExists(Path.Combine(directory, PartitionMetadataFile.FileName)))
            PartitionMetadataFile.Write(disk, directory, partition.TopicId);
        LeaderEpochFile.Write(disk, directory, [new LeaderEpochStart(partition.LeaderEpoch, capture.View.LogStart)]);
        ProducerSnapshot.Write(disk, directory, capture.Unflushed.To, capture.Producers);
        var newest = ProducerSnapshot.FileName(capture.Unflushed.To);
        foreach (var name in disk.List(directory))
            if (name.EndsWith(ProducerSnapshot.Suffix, StringComparison.Ordinal) && name != newest)
                disk.Delete(Path.Combine(directory, name));
        disk.SyncDirectory(directory);
    }

    public static void Remove(IDisk disk, string directory)
    {
        if (!disk.DirectoryExists(directory))
            return;
        foreach (var name in disk.List(directory))
            disk.Delete(Path.Combine(directory, name));
        disk.DeleteDirectory(directory);
    }
}
