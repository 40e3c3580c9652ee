using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Goes over the batch headers of a partition without reading the records from files: for counting and for rebuilding state. Checks that headers follow each
/// other, not the CRC. Not thread-safe; disposed by whoever made it.
/// </summary>
internal sealed class HeaderCursor : IDisposable
{
    private readonly IPartitionViewSource _source;
    private readonly LogCursor _tail;
    private LogSegment? _segment;
    private SegmentScanner? _scanner;

    public HeaderCursor(IPartitionViewSource source, long offset)
    {
        _source = source;
        _tail = new LogCursor(source, offset);
        NextOffset = offset;
    }

    public long NextOffset { get; private set; }

    /// <summary>The next batch that lies wholly below <paramref name="limit"/>; the first may begin in front of the offset asked for.</summary>
    public LogRead TryNext(long limit, out BatchHeader header)
    {
        header = default;
        while (true)
        {
            if (NextOffset >= limit)
                return LogRead.EndOfLimit;
            if (_scanner is null && !TryOpenSegment(out var isGone))
                return isGone ? LogRead.Gone : ReadTail(limit, out header);
            if (_scanner!.TryNext(out header))
                return Take(header, limit);
            NextOffset = Math.Max(NextOffset, _segment!.NextOffset);
            CloseSegment();
        }
    }

    public void Dispose()
    {
        CloseSegment();
        _tail.Dispose();
    }

    private LogRead Take(in BatchHeader header, long limit)
    {
        if (header.NextOffset > limit)
        {
            // Come back to it when the limit has moved.
            CloseSegment();
            return LogRead.EndOfLimit;
        }
        NextOffset = header.NextOffset;
        return LogRead.Batches;
    }

    private LogRead ReadTail(long limit, out BatchHeader header)
    {
        header = default;
        if (_tail.NextOffset != NextOffset)
            _tail.Seek(NextOffset);
        var read = _tail.TryRead(limit, maxBytes: 1, out var batch);
        if (read == LogRead.Batches)
            header = BatchHeader.Read(batch.Span);
        NextOffset = _tail.NextOffset;
        return read;
    }

    private bool TryOpenSegment(out bool isGone)
    {
        isGone = false;
        var spin = default(SpinWait);
        while (_source.View is var view && NextOffset >= view.LogStart && view.FindSegment(NextOffset) is { } segment)
        {
            if (segment.File.TryLease())
            {
                Open(segment);
                return true;
            }
            isGone = ReferenceEquals(_source, view);
            if (isGone)
                return false;
            spin.SpinOnce();
        }
        return false;
    }

    private void Open(LogSegment segment)
    {
        _segment = segment;
        try
        {
            _scanner = new SegmentScanner(segment.File, segment.FindPosition(NextOffset), segment.LogLength, segment.Description.HasHoles);
        }
        catch
        {
            CloseSegment();
            throw;
        }
    }

    private void CloseSegment()
    {
        _scanner?.Dispose();
        _scanner = null;
        _segment?.File.Release();
        _segment = null;
    }
}
