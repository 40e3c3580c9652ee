using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// A partition's files as opening finds them: every listed segment checked and cut to its valid length, indexes rebuilt where they are missing or damaged, and
/// what nobody lists reported. Nothing is deleted here, and no log file is read unless one of its indexes must be rebuilt.
/// </summary>
internal sealed class LogDirectory
{
    private readonly IDisk _disk;
    private readonly string _directory;
    private readonly SegmentRules _rules;
    private readonly List<string> _rebuilt = [];

    private LogDirectory(IDisk disk, string directory, SegmentRules rules)
    {
        _disk = disk;
        _directory = directory;
        _rules = rules;
    }

    /// <summary>The listed segments.</summary>
    public LogSegment[] Segments { get; private set; } = [];

    /// <summary>
    /// Names of segment files that the list does not know, and of small files that never became whole: left over from a checkpoint or compaction that did not
    /// take effect. The caller decides.
    /// </summary>
    public IReadOnlyList<string> Orphans { get; private set; } = [];

    /// <summary>Names of index files that were written anew.</summary>
    public IReadOnlyList<string> Rebuilt => _rebuilt;

    /// <param name="disk">Where.</param>
    /// <param name="directory">The partition's directory; need not exist when nothing is listed.</param>
    /// <param name="listed">What the checkpoint vouches for.</param>
    /// <param name="rules">How to index.</param>
    /// <exception cref="DamagedStorageException">A listed file is missing or shorter than it must be.</exception>
    public static LogDirectory Open(IDisk disk, string directory, IReadOnlyList<SegmentDescription> listed, SegmentRules rules)
    {
        var opened = new LogDirectory(disk, directory, rules);
        var segments = new LogSegment[listed.Count];
        for (var i = 0; i < segments.Length; i++)
            segments[i] = opened.OpenSegment(listed[i], segments.AsSpan(0, i));
        opened.Segments = segments;
        opened.Orphans = opened.FindOrphans(listed);
        return opened;
    }

    private LogSegment OpenSegment(SegmentDescription listed, ReadOnlySpan<LogSegment> earlier)
    {
        var file = new SegmentFile(_disk, _directory, listed.Name);
        if (!Cut(file.LogPath, listed.LogLength, out var found))
            throw new DamagedStorageException(file.LogPath, found, $"{listed.LogLength} bytes were synced, {found} are there");
        var described = AreIndexesGood(file, listed) ? listed : RebuildIndexes(file, listed);
        return TryReadAborted(file, described, out var aborted)
            ? new LogSegment(file, described, aborted)
            : RebuildAborted(file, described, earlier);
    }

    /// <summary>
    /// False when the file is missing or too short; longer ones are cut. The cut need not be synced: bytes behind it that came back are cut again.
    /// </summary>
    private bool Cut(string path, long length, out long found)
    {
        found = 0;
        if (!_disk.FileExists(path))
            return length == 0 && !path.EndsWith(SegmentName.LogSuffix, StringComparison.Ordinal);
        using var file = _disk.Open(path, FileOpening.ReadWrite);
        found = file.Length;
        if (found > length)
            file.SetLength(length);
        return found >= length;
    }

    private bool AreIndexesGood(SegmentFile file, SegmentDescription listed)
    {
        var offsetPath = file.PathOf(SegmentName.OffsetIndexSuffix);
        var timePath = file.PathOf(SegmentName.TimeIndexSuffix);
        return Cut(offsetPath, listed.OffsetIndexLength, out _) && Cut(timePath, listed.TimeIndexLength, out _)
            && IsLastOffsetEntryGood(offsetPath, listed) && IsLastTimeEntryGood(timePath, listed);
    }

    private bool IsLastOffsetEntryGood(string path, SegmentDescription listed)
    {
        var entries = listed.OffsetIndexLength / OffsetIndex.EntrySize;
        if (entries == 0)
            return true;
        using var file = _disk.Open(path, FileOpening.Read);
        return OffsetIndex.TryRead(file, entries - 1, stackalloc byte[OffsetIndex.EntrySize], out var last)
            && last.Position == listed.LastIndexedPosition && last.Position < listed.LogLength
            && last.RelativeOffset >= 0 && listed.BaseOffset + last.RelativeOffset < listed.NextOffset;
    }

    private bool IsLastTimeEntryGood(string path, SegmentDescription listed)
    {
        if (listed.TimeIndexLength == 0)
            return true;
        Span<byte> last = stackalloc byte[TimeIndex.EntrySize];
        using var file = _disk.Open(path, FileOpening.Read);
        return file.Read(listed.TimeIndexLength - TimeIndex.EntrySize, last) == TimeIndex.EntrySize
            && System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(last) == listed.LastIndexedTimestamp;
    }

    private SegmentDescription RebuildIndexes(SegmentFile file, SegmentDescription listed)
    {
        var empty = listed with
        {
            OffsetIndexLength = 0,
            TimeIndexLength = 0,
            TimeIndexCrc = 0,
            LastIndexedPosition = -1,
            LastIndexedTimestamp = BatchHeader.NoTimestamp,
            MaxTimestamp = BatchHeader.NoTimestamp,
            MaxTimestampOffset = -1,
        };
        var indexes = new SegmentIndexes(empty, _rules.IndexIntervalBytes);
        foreach (var (header, position) in HeadersOf(file, listed))
            indexes.Add(header, position);
        if (listed.IsSealed)
            indexes.Seal();
        WriteAnew(file.PathOf(SegmentName.OffsetIndexSuffix), indexes.OffsetEntries);
        WriteAnew(file.PathOf(SegmentName.TimeIndexSuffix), indexes.TimeEntries);
        return indexes.Describe(empty);
    }

    private bool TryReadAborted(SegmentFile file, SegmentDescription listed, out AbortedEntry[] entries)
    {
        entries = [];
        var path = file.PathOf(SegmentName.TransactionIndexSuffix);
        // Also to nothing: what a write that never took effect has left would tell Kafka's tools of transactions that this log does not have.
        if (!Cut(path, listed.TransactionIndexLength, out _))
            return false;
        if (listed.TransactionIndexLength == 0)
            return true;
        var bytes = new byte[listed.TransactionIndexLength];
        using var index = _disk.Open(path, FileOpening.Read);
        return index.Read(0, bytes) == bytes.Length
            && Crc32C.Compute(bytes) == listed.TransactionIndexCrc
            && TransactionIndex.TryRead(bytes, out entries);
    }

    /// <summary>A transaction may begin segments before its marker, so everything up to the segment is gone through.</summary>
    private LogSegment RebuildAborted(SegmentFile file, SegmentDescription listed, ReadOnlySpan<LogSegment> earlier)
    {
        var fold = new AbortedFold();
        foreach (var segment in earlier)
            fold.Add(segment.File, segment.Description);
        var before = fold.Entries.Count;
        fold.Add(file, listed);
        AbortedEntry[] entries = [.. fold.Entries.Skip(before)];
        var bytes = new GrowableBuffer();
        foreach (var entry in entries)
            TransactionIndex.Append(bytes, entry);
        WriteAnew(file.PathOf(SegmentName.TransactionIndexSuffix), bytes.WrittenSpan);
        var described = listed with { TransactionIndexLength = bytes.Length, TransactionIndexCrc = Crc32C.Compute(bytes.WrittenSpan) };
        return new LogSegment(file, described, entries);
    }

    private void WriteAnew(string path, ReadOnlySpan<byte> bytes)
    {
        using var file = _disk.Open(path, FileOpening.Create);
        file.Write(0, bytes);
        file.Sync();
        _disk.SyncDirectory(_directory);
        _rebuilt.Add(Path.GetFileName(path));
    }

    private List<string> FindOrphans(IReadOnlyList<SegmentDescription> listed)
    {
        var orphans = new List<string>();
        if (!_disk.DirectoryExists(_directory))
            return orphans;
        var names = new HashSet<SegmentName>();
        foreach (var segment in listed)
            names.Add(segment.Name);
        foreach (var entry in _disk.List(_directory))
        {
            if (IsHalfWritten(entry) || (SegmentName.TryParse(entry, out var name, out _) && !names.Contains(name)))
                orphans.Add(entry);
        }
        return orphans;
    }

    /// <summary>What a crash leaves of one of the small files beside the segments. A snapshot's has a name that no later one takes, and would stay.</summary>
    private static bool IsHalfWritten(string name)
    {
        if (!name.EndsWith(WholeFile.BesideSuffix, StringComparison.Ordinal))
            return false;
        var whole = name[..^WholeFile.BesideSuffix.Length];
        return whole is LeaderEpochFile.FileName or PartitionMetadataFile.FileName || whole.EndsWith(ProducerSnapshot.Suffix, StringComparison.Ordinal);
    }

    private static IEnumerable<(BatchHeader Header, long Position)> HeadersOf(SegmentFile file, SegmentDescription listed)
    {
        if (!file.TryLease())
            throw new InvalidOperationException("A segment that is being opened is nobody's to retire.");
        try
        {
            using var scanner = new SegmentScanner(file, 0, listed.LogLength, listed.HasHoles);
            while (scanner.TryNext(out var header))
                yield return (header, scanner.Position);
        }
        finally
        {
            file.Release();
        }
    }
}
