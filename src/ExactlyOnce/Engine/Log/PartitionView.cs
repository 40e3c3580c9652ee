namespace ExactlyOnce.Engine.Log;

/// <summary>Where a reader finds the current view of its partition: a volatile read of what the partition published last.</summary>
internal interface IPartitionViewSource
{
    PartitionView View { get; }
}

/// <summary>
/// Where the bytes of a partition are, at one moment: segment files, then the tail in memory. Immutable; the partition publishes a new one under its lock with
/// a volatile write when a tail begins, is trimmed, goes to files, when the log start moves or compaction rewrote something. A reader takes its limit first
/// and the view afterwards: then everything below the limit is in the view, data and aborted transactions.
/// </summary>
internal sealed class PartitionView : IPartitionViewSource
{
    private readonly LogSegment[] _segments;

    /// <param name="segments">Ascending. Between two of them lies at most a hole that compaction left.</param>
    /// <param name="firstChunk">The tail's first chunk; null when the tail is empty. It may begin below <paramref name="tailBegin"/>.</param>
    /// <param name="tailBegin">First offset read from the tail.</param>
    /// <param name="logStart">First offset kept.</param>
    /// <param name="aborted">Aborted transactions that are in no segment's index.</param>
    /// <param name="rewrites">How often compaction rewrote this log: a reader then lets go of what it holds, so that it never combines old data with a new
    /// index.</param>
    public PartitionView(LogSegment[] segments, LogChunk? firstChunk, long tailBegin, long logStart, AbortedList aborted, int rewrites)
    {
        _segments = segments;
        FirstChunk = firstChunk;
        TailBegin = tailBegin;
        LogStart = logStart;
        Aborted = aborted;
        Rewrites = rewrites;
    }

    public ReadOnlySpan<LogSegment> Segments => _segments;

    public IReadOnlyList<LogSegment> SegmentList => _segments;

    public LogChunk? FirstChunk { get; }

    public long TailBegin { get; }

    public long LogStart { get; }

    public AbortedList Aborted { get; }

    public int Rewrites { get; }

    /// <summary>A view is the source of itself for whoever wants to read one moment only.</summary>
    PartitionView IPartitionViewSource.View => this;

    /// <summary>The segment that holds <paramref name="offset"/> or is the first behind it; null at or above <see cref="TailBegin"/>.</summary>
    public LogSegment? FindSegment(long offset)
    {
        var number = NumberOf(offset);
        return offset < TailBegin && number < _segments.Length ? _segments[number] : null;
    }

    /// <summary>The chunk that holds <paramref name="offset"/>, or the first behind it; null when the tail is empty. Not leased.</summary>
    public LogChunk? FindChunk(long offset)
    {
        var chunk = FirstChunk;
        while (chunk?.Next is { } next && next.BaseOffset <= offset)
            chunk = next;
        return chunk;
    }

    /// <summary>
    /// Adds the aborted transactions that whoever read [<paramref name="from"/>, <paramref name="to"/>) in this view must know (A13.5). May add more than
    /// needed, never less.
    /// </summary>
    public void CollectAborted(long from, long to, List<AbortedEntry> found)
    {
        for (var i = NumberOf(from); i < _segments.Length; i++)
        {
            if (AbortedLookup.Collect(_segments[i].Aborted, from, to, found))
                return;
        }
        AbortedLookup.Collect(Aborted.Entries, from, to, found);
    }

    /// <summary>Number of the first segment that ends behind <paramref name="offset"/>.</summary>
    public int NumberOf(long offset)
    {
        var (low, high) = (0, _segments.Length);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_segments[middle].NextOffset <= offset)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
}
