namespace ExactlyOnce.Engine.Log;

/// <summary>Which leading segments and chunks a log may drop. Pure. Ages go by the broker's own append time, so that a record dated in the future pins nothing.</summary>
internal static class RetentionPlan
{
    /// <summary>The new log start: whole leading segments that are too old, or too much. The newest chunk of the tail always stays.</summary>
    public static long NewLogStart(PartitionView view, LogTail tail, long retainMs, long retainBytes, long nowMs)
    {
        var start = view.LogStartOffset;
        var bytes = tail.Bytes;
        foreach (var segment in view.Segments)
            bytes += segment.Length;
        foreach (var segment in view.Segments)
        {
            if (!MayGo(segment.LastAppendMs, segment.Length, bytes, retainMs, retainBytes, nowMs))
                return start;
            bytes -= segment.Length;
            start = Math.Max(start, segment.NextOffset);
        }
        for (var chunk = view.Segments.Length == 0 ? view.Tail : null; chunk?.Next is { } next; chunk = next)
        {
            if (!MayGo(chunk.LastAppendMs, chunk.Length, bytes, retainMs, retainBytes, nowMs))
                return start;
            bytes -= chunk.Length;
            start = Math.Max(start, next.BaseOffset);
        }
        return start;
    }

    private static bool MayGo(long lastAppendMs, long length, long bytes, long retainMs, long retainBytes, long nowMs) =>
        (retainMs >= 0 && nowMs - lastAppendMs > retainMs) || (retainBytes >= 0 && bytes - length >= retainBytes);
}
