using System.Globalization;
using System.Text;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>A partition's folder, and the small files in it that Kafka's tools look for. This broker recovers without them.</summary>
internal static class PartitionFolder
{
    public static void Create(IDisk disk, string root, string directory, Guid topicId)
    {
        disk.CreateDirectory(directory);
        // Kafka prints its ids in URL-safe base64 of the 16 bytes.
        var id = Convert.ToBase64String(topicId.ToByteArray(bigEndian: true)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        try
        {
            WriteText(disk, Path.Combine(directory, "partition.metadata"), $"version: 0\ntopic_id: {id}\n");
            disk.SyncDirectory(directory);
            disk.SyncDirectory(Path.Combine(root, Directories.Topics));
            disk.SyncDirectory(root);
        }
        catch (StorageException)
        {
            // A folder that is there counts as durable; the next checkpoint makes this one anew.
            Remove(disk, directory);
            throw;
        }
    }

    /// <summary>The producer snapshot at the end of what the segments hold, and the leader epochs.</summary>
    public static void WriteTools(
        IDisk disk, string directory, long endOffset, IReadOnlyCollection<ProducerSnapshotRow> producers, int leaderEpoch, long logStartOffset)
    {
        var name = SegmentNames.Of(endOffset, SegmentNames.ProducerSnapshot);
        ProducerSnapshotFile.Write(disk, Path.Combine(directory, name), producers);
        foreach (var other in disk.List(directory))
            if (other.EndsWith(SegmentNames.ProducerSnapshot, StringComparison.Ordinal) && other != name)
                disk.Delete(Path.Combine(directory, other));
        WriteText(disk, Path.Combine(directory, "leader-epoch-checkpoint"), string.Create(
            CultureInfo.InvariantCulture, $"0\n1\n{leaderEpoch} {logStartOffset}\n"));
    }

    public static void Remove(IDisk disk, string directory)
    {
        if (!disk.DirectoryExists(directory))
            return;
        foreach (var name in disk.List(directory))
            disk.Delete(Path.Combine(directory, name));
        disk.DeleteDirectory(directory);
    }

    private static void WriteText(IDisk disk, string path, string text)
    {
        using var file = disk.Open(path, FileOpening.Create);
        file.Write(0, Encoding.ASCII.GetBytes(text));
    }
}
