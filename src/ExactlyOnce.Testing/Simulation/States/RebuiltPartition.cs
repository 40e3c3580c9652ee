using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Testing.Simulation.States;

/// <summary>
/// A partition's rules' state, made of nothing but its log from the first batch on: its producers, their last batches, the aborted transactions, the ends.
/// </summary>
internal sealed class RebuiltPartition
{
    private readonly Partition _partition;
    private readonly PartitionState _state = new(new PartitionRules(PartitionRules.BatchWindowMax));

    public RebuiltPartition(Partition partition)
    {
        _partition = partition;
        using var cursor = new LogCursor(partition, 0);
        while (cursor.TryRead(partition.VisibleMark.LogEnd, 64 << 10, out var run) == LogRead.Batches)
        {
            var batches = new BatchSequence(run.Span);
            while (batches.MoveNext())
                PartitionPieces.Read(PartitionPiece.Batch, batches.Batch, batches.Current.MaxTimestamp).ApplyTo(_state, 1);
        }
    }

    /// <summary>Nothing was ever deleted or compacted.</summary>
    public static bool IsWhole(Partition partition) => partition.View.LogStart == 0 && (partition.Options.Cleanup & CleanupPolicy.Compact) == 0;

    /// <summary>What the partition's state says otherwise; null for nothing.</summary>
    /// <param name="isProducerForgotten">Whether producers may have been idle for so long that the partition need not know them any more.</param>
    public string? FindDifference(bool isProducerForgotten)
    {
        var kept = _partition.State;
        if (kept.LogEndOffset != _state.LogEndOffset || kept.LastStableOffset != _state.LastStableOffset)
            return $"the log ends at {_state.LogEndOffset} and is stable to {_state.LastStableOffset}, the partition says {kept.LogEndOffset} and {kept.LastStableOffset}";
        if (!kept.Aborted.Published.Entries.SequenceEqual(_state.Aborted.Published.Entries))
            return $"the log has {_state.Aborted.Count} aborted transactions, the partition knows {kept.Aborted.Count}, or others";
        for (var entry = kept.Table.LeastRecent; entry is not null; entry = entry.MoreRecent)
            if (FindDifference(entry, isProducerForgotten) is { } difference)
                return $"producer {entry.Id}: {difference}";
        return isProducerForgotten || kept.ProducerCount == _state.ProducerCount
            ? null
            : $"the log has {_state.ProducerCount} producers, the partition knows {kept.ProducerCount}";
    }

    private string? FindDifference(ProducerEntry kept, bool isProducerForgotten)
    {
        if (_state.Table.Find(kept.Id) is not { } found)
            return "the log does not know it";
        // One that was forgotten and came back has had no marker since.
        var coordinatorEpoch = isProducerForgotten && kept.CoordinatorEpoch < 0 ? -1 : found.CoordinatorEpoch;
        if ((kept.Epoch, kept.CoordinatorEpoch, kept.LastTimestamp, kept.TransactionFirstOffset) != (found.Epoch, coordinatorEpoch, found.LastTimestamp, found.TransactionFirstOffset))
            return $"epoch {found.Epoch}, coordinator epoch {found.CoordinatorEpoch}, time {found.LastTimestamp}, open from {found.TransactionFirstOffset} in the log, "
                + $"{kept.Epoch}, {kept.CoordinatorEpoch}, {kept.LastTimestamp}, {kept.TransactionFirstOffset} in the partition";
        if (!isProducerForgotten && kept.Window.Count < Math.Min(found.Window.Count, PartitionRules.BatchWindowMin))
            return $"the partition remembers {kept.Window.Count} batches of {found.Window.Count}";
        for (var age = 0; age < kept.Window.Count; age++)
            if (age >= found.Window.Count || PlaceOf(kept.Window[age]) != PlaceOf(found.Window[age]))
                return $"the batch {age} before its last is {kept.Window[age]} in the partition, and not in the log";
        return null;
    }

    private static (int, int, long) PlaceOf(in RememberedBatch batch) => (batch.BaseSequence, batch.OffsetDelta, batch.BaseOffset);
}
