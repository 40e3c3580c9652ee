using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Takes the batches that a compaction keeps and writes them to new segments, which cover what is left of the same offsets. Disposing it without
/// <see cref="Keep"/> removes what was written.
/// </summary>
internal sealed class SegmentSink : IDisposable
{
    private const int WriteBytes = 1024 * 1024;

    private readonly IReadOnlyList<LogSegment> _replaced;
    private readonly SegmentRules _rules;
    private readonly GrowableBuffer _pending = new(retainedBytesMax: 2 * WriteBytes);
    private readonly List<LogSegment> _segments = [];
    private readonly List<SegmentFile> _files = [];
    private SegmentWriter? _writer;
    private int _source;
    private bool _isKept;

    public SegmentSink(IReadOnlyList<LogSegment> replaced, SegmentRules rules)
    {
        _replaced = replaced;
        // Compaction joins segments whatever their age.
        _rules = rules with { SegmentAgeMs = -1 };
    }

    public void Append(in BatchHeader header, ReadOnlyMemory<byte> batch)
    {
        while (_replaced[_source].NextOffset <= header.BaseOffset)
            _source++;
        var appendedMs = _replaced[_source].Description.LastAppendMs;
        if (_writer is not null && _writer.MustRollBefore(header, appendedMs))
            FinishSegment(header.BaseOffset);
        _writer ??= Begin(header);
        _writer.Add(header, appendedMs);
        batch.Span.CopyTo(_pending.GetSpan(batch.Length));
        _pending.Advance(batch.Length);
        if (_pending.Length >= WriteBytes)
            WritePending();
    }

    /// <summary>Ends the last segment and syncs the names of all.</summary>
    public IReadOnlyList<LogSegment> Finish()
    {
        if (_writer is not null)
            FinishSegment(_replaced[^1].NextOffset);
        var first = _replaced[0].File;
        first.Disk.SyncDirectory(first.Directory);
        return _segments;
    }

    /// <summary>Hands the segments over; from here on they are the caller's.</summary>
    public LogSegment[] Keep()
    {
        _isKept = true;
        return [.. _segments];
    }

    public void Dispose()
    {
        _writer?.Dispose();
        if (_isKept)
            return;
        foreach (var file in _files)
            file.Retire();
    }

    private SegmentWriter Begin(in BatchHeader header)
    {
        var first = _replaced[0].File;
        // The first keeps its name's offset, unless so much is gone that relative offsets would not fit.
        var keepsBase = _segments.Count == 0 && header.LastOffset - _replaced[0].BaseOffset <= int.MaxValue;
        var baseOffset = keepsBase ? _replaced[0].BaseOffset : header.BaseOffset;
        var writer = SegmentWriter.Create(first.Disk, first.Directory, baseOffset, hasHoles: true, _rules);
        _files.Add(writer.File);
        return writer;
    }

    private void FinishSegment(long nextOffset)
    {
        WritePending();
        _segments.Add(_writer!.Finish(nextOffset, seal: true));
        _writer.Dispose();
        _writer = null;
    }

    private void WritePending()
    {
        _writer!.Write(_pending.WrittenSpan);
        _pending.Clear();
    }
}
