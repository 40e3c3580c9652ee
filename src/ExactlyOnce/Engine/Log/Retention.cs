using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Plans which leading segments, and chunks of the tail, may go by age and size (A15.10). Only plans: the log start moves by a frame first, then views and
/// files follow. Called under the partition's lock, or with a view and numbers taken together.
/// </summary>
internal static class Retention
{
    /// <summary>The log start that retention asks for now; the present one when nothing may go.</summary>
    /// <param name="view">Where the log is.</param>
    /// <param name="logEnd">The log end offset.</param>
    /// <param name="safeOffset">
    /// The smaller of last stable offset and high watermark. Nothing at or above it goes, so the data of an open transaction stays until it is decided.
    /// </param>
    /// <param name="limits">What the topic keeps.</param>
    /// <param name="nowMs">The broker's time.</param>
    public static long PlanLogStart(PartitionView view, long logEnd, long safeOffset, RetentionLimits limits, long nowMs)
    {
        var units = UnitsOf(view, logEnd);
        var excess = limits.RetainBytes < 0 ? 0 : SizeOf(units) - limits.RetainBytes;
        var logStart = view.LogStart;
        foreach (var unit in units)
        {
            var isExpired = limits.RetainMs >= 0 && unit.Timestamp >= 0 && nowMs - unit.Timestamp > limits.RetainMs;
            // A unit goes by size only if what is left without it is still enough.
            var isExcess = limits.RetainBytes >= 0 && excess >= unit.SizeInBytes;
            if (unit.NextOffset > safeOffset || !(isExpired || isExcess))
                break;
            excess -= unit.SizeInBytes;
            logStart = Math.Max(logStart, unit.NextOffset);
        }
        return logStart;
    }

    private static List<Unit> UnitsOf(PartitionView view, long logEnd)
    {
        var units = new List<Unit>();
        foreach (var segment in view.Segments)
            AddUnit(units, view, new Unit(segment.NextOffset, segment.LogLength, segment.Description.RetentionTimestamp));
        for (var chunk = view.FirstChunk; chunk is not null; chunk = chunk.Next)
        {
            var nextOffset = chunk.Next?.BaseOffset ?? logEnd;
            if (nextOffset > view.TailBegin)
                AddUnit(units, view, new Unit(nextOffset, SizeBehind(view.TailBegin, chunk), TimestampOf(chunk)));
        }
        return units;
    }

    /// <summary>Bytes of a chunk that no file holds: what is in both counts there.</summary>
    private static int SizeBehind(long tailBegin, LogChunk chunk)
    {
        if (chunk.BaseOffset >= tailBegin || !chunk.TryLease())
            return chunk.Written;
        var written = chunk.Written;
        var size = written - LogChunk.PositionOf(tailBegin, chunk.Buffer.AsSpan(0, written));
        chunk.Release();
        return size;
    }

    private static void AddUnit(List<Unit> units, PartitionView view, Unit unit)
    {
        if (unit.NextOffset > view.LogStart)
            units.Add(unit);
    }

    private static long TimestampOf(LogChunk chunk) =>
        chunk.MaxTimestamp == BatchHeader.NoTimestamp ? chunk.LastAppendMs : Math.Min(chunk.MaxTimestamp, chunk.LastAppendMs);

    private static long SizeOf(List<Unit> units)
    {
        var size = 0L;
        foreach (var unit in units)
            size += unit.SizeInBytes;
        return size;
    }

    private readonly record struct Unit(long NextOffset, long SizeInBytes, long Timestamp);
}

/// <summary>What a topic keeps at least.</summary>
/// <param name="RetainMs">Milliseconds; negative for ever.</param>
/// <param name="RetainBytes">Bytes of a partition; negative for no limit.</param>
internal readonly record struct RetentionLimits(long RetainMs, long RetainBytes)
{
    public static RetentionLimits Of(TopicOptions options) =>
        new(options.RetainFor < TimeSpan.Zero ? -1 : (long)options.RetainFor.TotalMilliseconds, options.RetainBytes);
}
