namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The front of a log that one compaction rewrites (A15.1): sealed segments, or closed chunks, wholly below a bound and old enough. A moment of the log; the
/// result takes effect only if its front is still the same.
/// </summary>
internal sealed class CompactionRange
{
    private CompactionRange(PartitionView view, LogSegment[] segments, long end)
    {
        View = view;
        Segments = segments;
        End = end;
    }

    public PartitionView View { get; }

    /// <summary>The segments; none when the log is in memory.</summary>
    public IReadOnlyList<LogSegment> Segments { get; }

    /// <summary>The first chunk of a log in memory.</summary>
    public LogChunk? FirstChunk => Segments.Count == 0 ? View.FirstChunk : null;

    public long From => View.LogStart;

    public long End { get; }

    public bool IsEmpty => From >= End;

    /// <param name="view">The partition now.</param>
    /// <param name="bound">The smallest of last stable offset, high watermark and what the last checkpoint holds.</param>
    /// <param name="youngestMs">Segments with a record after this time are left alone (min.compaction.lag.ms), and all behind them.</param>
    public static CompactionRange OfSegments(PartitionView view, long bound, long youngestMs = long.MaxValue)
    {
        var count = 0;
        while (count < view.Segments.Length && IsReady(view.Segments[count].Description, bound, youngestMs))
            count++;
        return new CompactionRange(view, view.Segments[..count].ToArray(), count == 0 ? view.LogStart : view.Segments[count - 1].NextOffset);
    }

    /// <summary>The closed chunks of a log in memory; called under the partition's lock.</summary>
    public static CompactionRange OfTail(PartitionView view, LogTail tail, long bound, long youngestMs = long.MaxValue)
    {
        var end = tail.FirstOffset;
        for (var chunk = tail.First; chunk is { IsClosed: true } && chunk.MaxTimestamp <= youngestMs; chunk = chunk.Next)
        {
            var next = chunk.Next?.BaseOffset ?? tail.NextOffset;
            if (next > bound)
                break;
            end = next;
        }
        return new CompactionRange(view, [], end);
    }

    private static bool IsReady(SegmentDescription segment, long bound, long youngestMs) =>
        segment.IsSealed && segment.NextOffset <= bound && segment.MaxTimestamp <= youngestMs;
}
