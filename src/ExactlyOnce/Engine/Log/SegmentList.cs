using System.Buffers;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// A partition's segments as a checkpoint vouches for them. Bytes: count i32, each base offset, next offset, valid lengths of log, index, time index and transaction index, largest
/// timestamp, first and last append time, i64 each, generation i32, sealed i8.
/// </summary>
internal static class SegmentList
{
    private const int EntryBytes = 77;

    public static void Write(IReadOnlyList<LogSegment> segments, IBufferWriter<byte> destination)
    {
        var writer = new FieldWriter(destination);
        writer.Int32(segments.Count);
        foreach (var segment in segments)
        {
            writer.Int64(segment.BaseOffset);
            writer.Int64(segment.NextOffset);
            writer.Int64(segment.Length);
            writer.Int64(segment.IndexLength);
            writer.Int64(segment.TimeIndexLength);
            writer.Int64(segment.TransactionIndexLength);
            writer.Int64(segment.MaxTimestamp);
            writer.Int64(segment.FirstAppendMs);
            writer.Int64(segment.LastAppendMs);
            writer.Int32(segment.Generation);
            writer.Flag(segment.IsSealed);
        }
    }

    /// <exception cref="InvalidDataException">The bytes are not a segment list.</exception>
    public static LogSegment[] Read(ReadOnlySpan<byte> source, IDisk disk, string directory)
    {
        var reader = new FieldReader(source);
        var segments = new LogSegment[reader.Count(EntryBytes)];
        for (var i = 0; i < segments.Length; i++)
            segments[i] = ReadOne(ref reader, disk, directory);
        reader.ExpectEnd();
        return segments;
    }

    /// <summary>Checks that every file has at least what the checkpoint vouches for, and cuts away what is behind it: the rest of a checkpoint that never finished.</summary>
    /// <exception cref="DamagedStorageException">A file is missing or too short.</exception>
    public static void Restore(IReadOnlyList<LogSegment> segments)
    {
        foreach (var segment in segments)
        {
            Restore(segment.File.Disk, segment.File.LogPath, segment.Length);
            Restore(segment.File.Disk, segment.File.IndexPath, segment.IndexLength);
            Restore(segment.File.Disk, segment.File.TimeIndexPath, segment.TimeIndexLength);
            Restore(segment.File.Disk, segment.File.TransactionIndexPath, segment.TransactionIndexLength);
        }
    }

    /// <summary>Names in the partition's directory that look like ours and are not in the list: left by a checkpoint or a clean-up that did not finish.</summary>
    public static IEnumerable<string> Orphans(IReadOnlyList<LogSegment> segments, IDisk disk, string directory)
    {
        var listed = new HashSet<string>(StringComparer.Ordinal);
        foreach (var segment in segments)
            foreach (var path in new[] { segment.File.LogPath, segment.File.IndexPath, segment.File.TimeIndexPath, segment.File.TransactionIndexPath })
                listed.Add(Path.GetFileName(path));
        foreach (var name in disk.List(directory))
            if (IsOurs(name) && !listed.Contains(name))
                yield return name;
    }

    private static LogSegment ReadOne(ref FieldReader reader, IDisk disk, string directory)
    {
        var baseOffset = reader.Int64();
        var nextOffset = reader.Int64();
        var (length, index, time, transactions) = (reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64());
        var (maxTimestamp, first, last) = (reader.Int64(), reader.Int64(), reader.Int64());
        var generation = reader.Int32();
        var isSealed = reader.Flag();
        if (baseOffset < 0 || nextOffset < baseOffset || length < 0 || index < 0 || time < 0 || transactions < 0 || generation < 0)
            throw new InvalidDataException($"A segment cannot reach from {baseOffset} to {nextOffset} in {length} bytes.");
        var files = new SegmentFile(disk, directory, baseOffset, SegmentNames.Suffix(generation));
        return new LogSegment(files, baseOffset, nextOffset, length, index, time, transactions, maxTimestamp, first, last, generation, isSealed);
    }

    private static void Restore(IDisk disk, string path, long length)
    {
        if (!disk.FileExists(path))
            throw new DamagedStorageException(path, 0, "the file is missing");
        using var file = disk.Open(path, FileOpening.ReadWrite);
        if (file.Length < length)
            throw new DamagedStorageException(path, file.Length, $"the file has {file.Length} bytes where {length} were synced");
        if (file.Length > length)
            file.SetLength(length);
    }

    private static bool IsOurs(string name) =>
        name.Length > 20 && name.AsSpan(0, 20).IndexOfAnyExceptInRange('0', '9') < 0 && !name.EndsWith(SegmentNames.ProducerSnapshot, StringComparison.Ordinal) &&
        (name.EndsWith(SegmentNames.Log, StringComparison.Ordinal) || name.EndsWith(SegmentNames.OffsetIndex, StringComparison.Ordinal) ||
         name.EndsWith(SegmentNames.TimeIndex, StringComparison.Ordinal) || name.EndsWith(SegmentNames.TransactionIndex, StringComparison.Ordinal));
}
