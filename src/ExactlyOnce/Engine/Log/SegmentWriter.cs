using System.Buffers;
using System.Diagnostics;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Appends to the files of one segment: a new one, or one that a checkpoint left open. Add each batch, write the bytes in the same order, finish. What was
/// written counts only once the answer of <see cref="Finish"/> stands in a checkpoint; after any exception the files are left as they are and not written to
/// again, because a sync that failed once says nothing when it is repeated.
/// </summary>
internal sealed class SegmentWriter : IDisposable
{
    private readonly SegmentFile _file;
    private readonly SegmentRules _rules;
    private readonly IDiskFile _log;
    private readonly SegmentIndexes _indexes;
    private readonly ArrayBufferWriter<byte> _abortedBytes = new();
    private readonly List<AbortedEntry> _aborted = [];
    private SegmentDescription _segment;
    private long _written;

    private SegmentWriter(SegmentFile file, SegmentDescription segment, AbortedEntry[] aborted, SegmentRules rules, FileOpening opening)
    {
        _file = file;
        _segment = segment;
        _rules = rules;
        _aborted.AddRange(aborted);
        _indexes = new SegmentIndexes(segment, rules.IndexIntervalBytes);
        _written = segment.LogLength;
        _log = file.Disk.Open(file.LogPath, opening);
        HasNewFiles = opening == FileOpening.CreateNew;
    }

    /// <summary>Begins a segment under a name that no file has. The caller syncs the directory.</summary>
    /// <param name="disk">Where.</param>
    /// <param name="directory">The partition's directory; it exists.</param>
    /// <param name="baseOffset">The segment's base offset.</param>
    /// <param name="hasHoles">Whether offsets may be missing, as compaction leaves them.</param>
    /// <param name="rules">How to index it.</param>
    public static SegmentWriter Create(IDisk disk, string directory, long baseOffset, bool hasHoles, SegmentRules rules)
    {
        var file = new SegmentFile(disk, directory, FreeName(disk, directory, baseOffset));
        var segment = new SegmentDescription { Name = file.Name, NextOffset = baseOffset, HasHoles = hasHoles };
        return new SegmentWriter(file, segment, [], rules, FileOpening.CreateNew);
    }

    /// <summary>Goes on behind the valid bytes of an open segment.</summary>
    public static SegmentWriter Continue(LogSegment segment, SegmentRules rules)
    {
        Debug.Assert(!segment.Description.IsSealed, "Nothing is appended to a sealed segment.");
        return new SegmentWriter(segment.File, segment.Description, segment.AbortedEntries, rules, FileOpening.ReadWrite);
    }

    public SegmentFile File => _file;

    public long LogLength => _segment.LogLength;

    /// <summary>Files were created, whose directory the caller syncs.</summary>
    public bool HasNewFiles { get; private set; }

    /// <summary>True when this batch belongs into a new segment: size, age, full indexes, or an offset too far from the base.</summary>
    public bool MustRollBefore(in BatchHeader header, long appendedMs)
    {
        if (_segment.LogLength == 0)
            return false;
        var indexBytes = Math.Max(
            _segment.OffsetIndexLength + _indexes.OffsetEntries.Length + OffsetIndex.EntrySize,
            _segment.TimeIndexLength + _indexes.TimeEntries.Length + (2 * TimeIndex.EntrySize));
        return _segment.LogLength + header.SizeInBytes > Math.Min(_rules.SegmentBytes, int.MaxValue)
            || (_rules.SegmentAgeMs >= 0 && appendedMs - _segment.FirstAppendMs >= _rules.SegmentAgeMs)
            || indexBytes > _rules.IndexBytesMax
            || header.LastOffset - _segment.BaseOffset > int.MaxValue;
    }

    /// <summary>Counts a batch whose bytes are written next, or with those of the following ones.</summary>
    public void Add(in BatchHeader header, long appendedMs)
    {
        Debug.Assert(header.BaseOffset >= _segment.NextOffset, "Offsets only grow.");
        _indexes.Add(header, _segment.LogLength);
        _segment = _segment with
        {
            LogLength = _segment.LogLength + header.SizeInBytes,
            NextOffset = header.NextOffset,
            FirstAppendMs = _segment.LogLength == 0 ? appendedMs : _segment.FirstAppendMs,
            LastAppendMs = Math.Max(_segment.LastAppendMs, appendedMs),
            OffsetsCrc = _segment.HasHoles ? SegmentOffsets.Append(_segment.OffsetsCrc, header.BaseOffset) : 0,
        };
    }

    /// <summary>Adds an aborted transaction whose marker stands in this segment.</summary>
    public void AddAborted(in AbortedEntry entry)
    {
        TransactionIndex.Append(_abortedBytes, entry);
        _aborted.Add(entry);
    }

    /// <summary>Writes the bytes of batches that were added.</summary>
    public void Write(ReadOnlySpan<byte> batches)
    {
        _log.Write(_written, batches);
        _written += batches.Length;
    }

    /// <summary>Writes the index entries and syncs every file that changed. The segment ends in front of <paramref name="nextOffset"/>.</summary>
    public LogSegment Finish(long nextOffset, bool seal)
    {
        Debug.Assert(_written == _segment.LogLength, "What was added was written.");
        Debug.Assert(nextOffset >= _segment.NextOffset, "A segment holds its batches.");
        if (seal)
            _indexes.Seal();
        WriteIndex(SegmentName.OffsetIndexSuffix, _segment.OffsetIndexLength, _indexes.OffsetEntries);
        WriteIndex(SegmentName.TimeIndexSuffix, _segment.TimeIndexLength, _indexes.TimeEntries);
        WriteIndex(SegmentName.TransactionIndexSuffix, _segment.TransactionIndexLength, _abortedBytes.WrittenSpan);
        _log.Sync();
        _segment = _indexes.Describe(_segment) with
        {
            NextOffset = nextOffset,
            IsSealed = seal,
            TransactionIndexLength = _segment.TransactionIndexLength + _abortedBytes.WrittenCount,
            TransactionIndexCrc = Crc32C.Append(_segment.TransactionIndexCrc, _abortedBytes.WrittenSpan),
        };
        return new LogSegment(_file, _segment, [.. _aborted]);
    }

    public void Dispose() => _log.Dispose();

    private void WriteIndex(string suffix, int length, ReadOnlySpan<byte> entries)
    {
        if (entries.IsEmpty)
            return;
        HasNewFiles |= length == 0;
        var path = _file.PathOf(suffix);
        using var index = _file.Disk.Open(path, length == 0 ? FileOpening.Create : FileOpening.ReadWrite);
        index.Write(length, entries);
        index.Sync();
    }

    /// <summary>The plain name, or the first generation that no log file has: a file that failed is left to the orphans, never written over.</summary>
    private static SegmentName FreeName(IDisk disk, string directory, long baseOffset)
    {
        var name = new SegmentName(baseOffset, 0);
        while (disk.FileExists(name.In(directory, SegmentName.LogSuffix)))
            name = name with { Generation = name.Generation + 1 };
        return name;
    }
}
