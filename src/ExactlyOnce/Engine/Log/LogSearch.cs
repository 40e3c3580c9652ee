namespace ExactlyOnce.Engine.Log;

/// <summary>Finds by time where to begin reading.</summary>
internal static class LogSearch
{
    /// <summary>An offset in front of which no record is at or after <paramref name="timestampMs"/>; close to the first one that is.</summary>
    public static long OffsetNear(PartitionView view, long timestampMs)
    {
        foreach (var segment in view.Segments)
            if (segment.NextOffset > view.LogStartOffset && segment.MaxTimestamp >= timestampMs)
                return Math.Max(view.LogStartOffset, segment.OffsetNear(timestampMs));
        return Math.Max(view.LogStartOffset, view.TailOffset);
    }
}
