using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>What moving a log start is answered; valid once <see cref="Lsn"/> is visible.</summary>
internal readonly record struct LogStartReply(ErrorCode Error, long Lsn, long LogStart, IReadOnlyList<SegmentFile> Dropped);

/// <summary>
/// Moves log starts: by age and size, or because somebody asked. The move is a frame; what lies in front of it is unlinked only after a checkpoint without it.
/// Retention never goes beyond the last stable or a not yet visible offset: data of an open transaction stays until it has ended.
/// </summary>
internal static class LogRetention
{
    /// <summary>Deletes the records in front of an offset; −1 for all that are visible (Kafka: DeleteRecords).</summary>
    public static LogStartReply DeleteRecords(Partition partition, long beforeOffset, long nowMs)
    {
        if (partition.Options.Cleanup == CleanupPolicy.Compact)
            return new LogStartReply(ErrorCode.PolicyViolation, 0, partition.View.LogStart, []);
        var end = partition.VisibleMark.LogEnd;
        var target = beforeOffset == -1 ? end : beforeOffset;
        if (target < 0 || target > end)
            return new LogStartReply(ErrorCode.OffsetOutOfRange, 0, end, []);
        return Move(partition, target, nowMs);
    }

    /// <summary>Drops what a topic's options let go of. Answers null when nothing was dropped.</summary>
    public static LogStartReply? Apply(Partition partition, long nowMs)
    {
        var limits = RetentionLimits.Of(partition.Options);
        if ((partition.Options.Cleanup & CleanupPolicy.Delete) == 0 || limits is { RetainMs: < 0, RetainBytes: < 0 })
            return null;
        var visible = partition.VisibleMark;
        long target;
        using (partition.Lock.Enter())
            target = Retention.PlanLogStart(
                partition.View, partition.State.LogEndOffset, Math.Min(visible.LastStable, partition.State.LastStableOffset), limits, nowMs);
        return target > partition.View.LogStart ? Move(partition, target, nowMs) : null;
    }

    private static LogStartReply Move(Partition partition, long target, long nowMs)
    {
        var lsn = partition.MoveLogStart(target, nowMs, out var logStart, out var dropped);
        return new LogStartReply(ErrorCode.None, lsn, logStart, dropped);
    }
}
