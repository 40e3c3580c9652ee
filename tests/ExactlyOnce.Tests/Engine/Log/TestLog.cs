using System.Buffers;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Engine.Log;

/// <summary>
/// The least a partition does around its log: a lock around the tail, views published under it, aborted entries from markers, a limit published last. In
/// memory without <paramref name="disk"/>.
/// </summary>
internal sealed class TestLog : IPartitionViewSource, IDisposable
{
    public const string Directory = "/data/t-0";

    private readonly Lock _lock = new();
    private readonly IDisk? _disk;
    private readonly Dictionary<long, long> _openTransactions = [];
    private SegmentAppender? _appender;
    private LogSegment[] _segments = [];
    private AbortedList _aborted = new();
    private long _logStart;
    private long _limit;
    private int _rewrites;
    private volatile PartitionView _view;

    public TestLog(IDisk? disk, SegmentRules? rules = null)
    {
        _disk = disk;
        Rules = rules ?? new SegmentRules();
        Tail = new LogTail(Pool, 0);
        _appender = disk is null ? null : new SegmentAppender(disk, Directory, beginNewFile: false);
        _view = MakeView();
    }

    public ChunkPool Pool { get; } = new(retainedBytesMax: 1 << 24);

    public LogTail Tail { get; private set; }

    public SegmentRules Rules { get; set; }

    public long NowMs { get; set; } = TestBatch.Epoch2024;

    public bool IsOnDisk => _disk is not null;

    public PartitionView View => _view;

    /// <summary>The high watermark: everything appended is visible at once.</summary>
    public long Limit => Volatile.Read(ref _limit);

    /// <summary>First offset of an open transaction, or the end.</summary>
    public long LastStable
    {
        get
        {
            lock (_lock)
                return _openTransactions.Count == 0 ? Limit : _openTransactions.Values.Min();
        }
    }

    public IReadOnlyList<LogSegment> Segments => _segments;

    public long Append(byte[] batch)
    {
        lock (_lock)
        {
            var header = BatchHeader.Read(batch);
            var baseOffset = Tail.NextOffset;
            Tail.Append(batch, baseOffset, 0, header, NowMs);
            if (header.IsTransactional && !header.IsControl)
                _openTransactions.TryAdd(header.Producer.Id, baseOffset);
            if (Tail.First != _view.FirstChunk)
                Publish();
            Volatile.Write(ref _limit, Tail.NextOffset);
            return baseOffset;
        }
    }

    public long AppendMarker(ProducerIdentity producer, bool isCommit)
    {
        lock (_lock)
        {
            var offset = Tail.NextOffset;
            if (_openTransactions.Remove(producer.Id, out var first) && !isCommit)
                _aborted.Add(new AbortedEntry(producer.Id, first, offset, Math.Min(offset + 1, _openTransactions.Values.DefaultIfEmpty(long.MaxValue).Min())));
            return Append(TestBatch.Marker(producer, isCommit, NowMs));
        }
    }

    /// <summary>Writes the tail up to an offset (its end) to files, swaps the view and drops the chunks.</summary>
    public void Checkpoint(long? to = null)
    {
        TailSlice slice;
        LogSegment[] segments;
        AbortedEntry[] aborted;
        lock (_lock)
        {
            var from = Math.Max(FilesEnd, _logStart);
            slice = Tail.Capture(from, Math.Max(from, to ?? Tail.NextOffset));
            (segments, aborted) = (_segments, _aborted.Entries.ToArray());
        }
        using (slice)
            segments = _appender!.Append(segments, slice, aborted, Rules);
        lock (_lock)
        {
            _segments = segments;
            _aborted = _aborted.From(FilesEnd);
            Publish();
            Tail.TrimTo(FilesEnd);
            Publish();
        }
    }

    public void SealFiles()
    {
        _segments = _appender!.Seal(_segments, Rules);
        Publish();
    }

    /// <summary>Deletes what lies wholly below an offset.</summary>
    public void MoveLogStart(long offset)
    {
        LogSegment[] dropped;
        lock (_lock)
        {
            _logStart = Math.Max(_logStart, offset);
            dropped = [.. _segments.Where(s => s.NextOffset <= _logStart)];
            _segments = [.. _segments.Skip(dropped.Length)];
            if (_disk is null)
                _aborted = _aborted.From(_logStart);
            Publish();
            Tail.TrimTo(_logStart);
            Publish();
        }
        foreach (var segment in dropped)
            segment.File.Retire();
    }

    public bool Compact(CompactionRules rules, IReadOnlyDictionary<long, ProducerTrace>? producers = null, long? bound = null)
    {
        producers ??= new Dictionary<long, ProducerTrace>();
        return _disk is null ? CompactTail(rules, producers, bound ?? LastStable) : CompactFiles(rules, producers, bound ?? LastStable);
    }

    public long CompactedTo { get; private set; }

    /// <summary>Opens the files again as a new process does, from what a checkpoint would hold.</summary>
    public LogDirectory Reopen()
    {
        var buffer = new ArrayBufferWriter<byte>();
        SegmentList.Write(buffer, _segments);
        return Reopen(SegmentList.Read(buffer.WrittenSpan, out _));
    }

    public LogDirectory Reopen(SegmentDescription[] listed)
    {
        var opened = LogDirectory.Open(_disk!, Directory, listed, Rules);
        _segments = opened.Segments;
        Tail.Reset(Tail.NextOffset);
        Tail = new LogTail(Pool, FilesEnd);
        _aborted = new AbortedList();
        _appender = new SegmentAppender(_disk!, Directory, beginNewFile: false);
        Publish();
        return opened;
    }

    public List<TestBatchRecord> ReadAll(long from = 0, long limit = long.MaxValue, int maxBytes = 1 << 20)
    {
        using var cursor = new LogCursor(this, Math.Max(from, _logStart));
        var records = new List<TestBatchRecord>();
        while (cursor.TryRead(Math.Min(limit, Limit), maxBytes, out var batches) == LogRead.Batches)
            records.AddRange(TestBatch.RecordsIn(batches));
        return records;
    }

    public List<BatchHeader> ReadHeaders()
    {
        using var cursor = new LogCursor(this, _logStart);
        var headers = new List<BatchHeader>();
        while (cursor.TryRead(Limit, 1 << 20, out var batches) == LogRead.Batches)
            headers.AddRange(TestBatch.HeadersIn(batches.Span));
        return headers;
    }

    /// <summary>What a read_committed consumer is given, by the aborted entries the log itself answers.</summary>
    public List<TestBatchRecord> ReadCommitted(long from = 0, int maxBytes = 1 << 20)
    {
        using var cursor = new LogCursor(this, Math.Max(from, _logStart));
        var records = new List<TestBatchRecord>();
        while (true)
        {
            var begin = cursor.NextOffset;
            if (cursor.TryRead(LastStable, maxBytes, out var batches) != LogRead.Batches)
                return records;
            var entries = new List<AbortedEntry>();
            cursor.View.CollectAborted(begin, cursor.NextOffset, entries);
            var lookup = new AbortedLookup(entries);
            records.AddRange(TestBatch.RecordsIn(batches).Where(r => r.TransactionalProducer < 0 || !lookup.IsAborted(r.TransactionalProducer, r.Offset)));
        }
    }

    public void Dispose() => Tail.TrimTo(Tail.NextOffset);

    private long FilesEnd => _segments.Length == 0 ? (_disk is null ? 0 : Math.Max(_logStart, Tail.FirstOffset)) : _segments[^1].NextOffset;

    private bool CompactFiles(CompactionRules rules, IReadOnlyDictionary<long, ProducerTrace> producers, long bound)
    {
        var compacted = Compaction.OfSegments(CompactionRange.OfSegments(_view, bound), rules with { Segments = Rules }, producers, TestBatch.Codecs);
        if (compacted is null)
            return false;
        CompactedTo = compacted.CompactedTo;
        if (!compacted.IsChange)
            return false;
        lock (_lock)
        {
            _segments = compacted.ApplyTo(_segments)!;
            _rewrites++;
            Publish();
        }
        compacted.RetireReplaced();
        return true;
    }

    private bool CompactTail(CompactionRules rules, IReadOnlyDictionary<long, ProducerTrace> producers, long bound)
    {
        CompactionRange range;
        lock (_lock)
            range = CompactionRange.OfTail(_view, Tail, bound);
        var compacted = Compaction.OfTail(range, rules, producers, TestBatch.Codecs, Pool);
        if (compacted is null)
            return false;
        CompactedTo = compacted.CompactedTo;
        if (!compacted.IsChange)
            return false;
        lock (_lock)
        {
            var isApplied = compacted.TryApplyTo(Tail, _aborted, out _aborted);
            _rewrites++;
            Publish();
            return isApplied;
        }
    }

    private void Publish() => _view = MakeView();

    private PartitionView MakeView() => new(_segments, Tail.First, FilesEnd, _logStart, _aborted, _rewrites);
}
