using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>What moving the log start is answered; valid once <see cref="Lsn"/> is visible.</summary>
internal readonly record struct LogStartReply(ErrorCode Error, long Lsn, long LogStart, IReadOnlyList<SegmentFile> Dropped);

/// <summary>
/// Moves log starts: by age and size, or because somebody asked. The move is a frame; what lies in front of it is unlinked only after a checkpoint without it. Never beyond
/// the last stable or a not yet visible offset: data of an open transaction stays until it has ended.
/// </summary>
internal sealed class LogRetention(CoordinationState state, FrameComposer composer, Func<long> visibleLsn)
{
    /// <summary>Deletes the records in front of an offset; −1 for all that are visible (Kafka: DeleteRecords).</summary>
    public LogStartReply DeleteRecords(Partition partition, long beforeOffset, long nowMs)
    {
        if (partition.Options.Cleanup == CleanupPolicy.Compact)
            return Refuse(ErrorCode.PolicyViolation, partition);
        var end = partition.Marks.At(visibleLsn()).LogEnd;
        var target = beforeOffset == -1 ? end : beforeOffset;
        if (target < 0 || target > end)
            return Refuse(ErrorCode.OffsetOutOfRange, partition) with { LogStart = end };
        return Move(partition, target, nowMs);
    }

    /// <summary>Drops what a topic's options let go of. Answers null when nothing was dropped.</summary>
    public LogStartReply? Apply(Partition partition, long nowMs)
    {
        var options = partition.Options;
        if ((options.Cleanup & CleanupPolicy.Delete) == 0 || (options.RetainFor == TopicOptions.Forever && options.RetainBytes < 0))
            return null;
        var visible = partition.Marks.At(visibleLsn());
        long target;
        lock (partition.Lock)
            target = Math.Min(RetentionPlan.NewLogStart(
                partition.View, partition.Tail, options.RetainFor == TopicOptions.Forever ? -1 : (long)options.RetainFor.TotalMilliseconds, options.RetainBytes, nowMs),
                Math.Min(visible.LastStable, partition.State.LastStableOffset));
        return target > partition.View.LogStartOffset ? Move(partition, target, nowMs) : null;
    }

    private LogStartReply Move(Partition partition, long target, long nowMs)
    {
        lock (state.Lock)
        {
            composer.Open(nowMs);
            composer.Enter(partition);
            if (partition.IsRetired || target <= partition.State.LogStartOffset)
            {
                var start = partition.State.LogStartOffset;
                composer.Abandon();
                return new LogStartReply(partition.IsRetired ? ErrorCode.UnknownTopicOrPartition : ErrorCode.None, state.AppliedLsn, start, []);
            }
            partition.StageLogStart(composer.Frame, target);
            var dropped = partition.MoveViewTo(target);
            var lsn = composer.Close();
            partition.WakeReadersNow();
            return new LogStartReply(ErrorCode.None, lsn, target, dropped);
        }
    }

    private LogStartReply Refuse(ErrorCode error, Partition partition) => new(error, state.AppliedLsn, partition.View.LogStartOffset, []);
}
