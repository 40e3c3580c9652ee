using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>Appends to the files of one segment. Lives for one checkpoint; index entries are collected and written with <see cref="Finish"/>, which syncs everything.</summary>
internal sealed class SegmentWriter : IDisposable
{
    private readonly LogSegment _before;
    private readonly IDiskFile _log;
    private readonly List<byte> _index = [];
    private readonly List<byte> _timeIndex = [];
    private readonly List<byte> _transactionIndex = [];
    private readonly long _nowMs;
    private long _sinceIndexed;
    private long _nextOffset;
    private long _maxTimestamp;
    private long _indexedTimestamp;
    private long _maxTimestampOffset;
    private bool _hasNotes;

    private SegmentWriter(LogSegment before, IDiskFile log, long nowMs)
    {
        _before = before;
        _log = log;
        _nowMs = nowMs;
        Length = before.Length;
        _nextOffset = before.NextOffset;
        _maxTimestamp = _indexedTimestamp = before.MaxTimestamp;
    }

    public long BaseOffset => _before.BaseOffset;

    public long FirstAppendMs => _before.FirstAppendMs;

    public long Length { get; private set; }

    public static SegmentWriter Create(IDisk disk, string directory, long baseOffset, long nowMs, int generation = 0)
    {
        var files = new SegmentFile(disk, directory, baseOffset, SegmentNames.Suffix(generation));
        // Left by a checkpoint that failed: neither its bytes nor its directory entry would be made durable by another sync.
        files.Unlink();
        foreach (var path in new[] { files.IndexPath, files.TimeIndexPath, files.TransactionIndexPath })
            disk.Open(path, FileOpening.CreateNew).Dispose();
        var log = disk.Open(files.LogPath, FileOpening.CreateNew);
        return new SegmentWriter(new LogSegment(files, baseOffset, baseOffset, 0, 0, 0, 0, -1, nowMs, nowMs, generation, false), log, nowMs);
    }

    public static SegmentWriter Continue(IDisk disk, LogSegment segment, long nowMs) =>
        new(segment, disk.Open(segment.File.LogPath, FileOpening.ReadWrite), nowMs);

    /// <summary>Notes a batch that the next <see cref="Write"/> will contain, <paramref name="unwritten"/> bytes behind what is written.</summary>
    public void Note(in BatchHeader header, int unwritten, IReadOnlyList<TransactionIndexRow> aborted)
    {
        _hasNotes = true;
        if (_sinceIndexed > OffsetIndex.IntervalBytes)
            AddIndexEntry(header, checked((int)(Length + unwritten)));
        _sinceIndexed += header.SizeInBytes;
        _nextOffset = header.NextOffset;
        if (header.MaxTimestamp > _maxTimestamp)
        {
            _maxTimestamp = header.MaxTimestamp;
            _maxTimestampOffset = header.LastOffset;
        }
        if (header.IsControl)
            NoteAborted(header.BaseOffset, aborted);
    }

    public void Write(ReadOnlySpan<byte> run)
    {
        if (run.IsEmpty)
            return;
        _log.Write(Length, run);
        Length += run.Length;
    }

    /// <summary>Writes the indexes and syncs all files; answers the segment as it now is.</summary>
    public LogSegment Finish(bool seal)
    {
        if (!_hasNotes)
            return _before with { IsSealed = seal };
        if (seal)
            AddTimeEntry();
        _log.Sync();
        var files = _before.File;
        return _before with
        {
            NextOffset = _nextOffset,
            Length = Length,
            IndexLength = AppendTo(files.IndexPath, _before.IndexLength, _index),
            TimeIndexLength = AppendTo(files.TimeIndexPath, _before.TimeIndexLength, _timeIndex),
            TransactionIndexLength = AppendTo(files.TransactionIndexPath, _before.TransactionIndexLength, _transactionIndex),
            MaxTimestamp = _maxTimestamp,
            LastAppendMs = _nowMs,
            IsSealed = seal,
        };
    }

    public void Dispose() => _log.Dispose();

    private void AddIndexEntry(in BatchHeader header, int position)
    {
        Span<byte> entry = stackalloc byte[OffsetIndex.EntryBytes];
        OffsetIndex.Write(entry, checked((int)(header.BaseOffset - BaseOffset)), position);
        _index.AddRange(entry);
        _sinceIndexed = 0;
        AddTimeEntry();
    }

    private void AddTimeEntry()
    {
        if (_maxTimestamp <= _indexedTimestamp)
            return;
        Span<byte> entry = stackalloc byte[TimeIndex.EntryBytes];
        TimeIndex.Write(entry, _maxTimestamp, checked((int)(_maxTimestampOffset - BaseOffset)));
        _timeIndex.AddRange(entry);
        _indexedTimestamp = _maxTimestamp;
    }

    private void NoteAborted(long markerOffset, IReadOnlyList<TransactionIndexRow> aborted)
    {
        Span<byte> entry = stackalloc byte[TransactionIndexRow.Bytes];
        foreach (var row in aborted)
        {
            if (row.LastOffset != markerOffset)
                continue;
            row.Write(entry);
            _transactionIndex.AddRange(entry);
        }
    }

    private long AppendTo(string path, long length, List<byte> bytes)
    {
        if (bytes.Count == 0)
            return length;
        using var file = _before.File.Disk.Open(path, FileOpening.ReadWrite);
        file.Write(length, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes));
        file.Sync();
        return length + bytes.Count;
    }
}
