using System.Buffers;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>A partition at one moment, copied or leased, so that a checkpoint writes it without holding its lock.</summary>
internal sealed record PartitionCapture(
    Partition Partition, long AppliedLsn, ReadOnlyMemory<byte> State, PartitionView View, TailSlice Unflushed, AbortedEntry[] Aborted, ProducerSnapshotRow[] Producers)
    : IDisposable
{
    public static PartitionCapture Of(Partition partition)
    {
        using (partition.Lock.Enter())
        {
            var state = new ArrayBufferWriter<byte>();
            partition.State.WriteSnapshot(state);
            var unflushed = partition.CaptureUnflushed();
            return new PartitionCapture(
                partition, partition.AppliedLsn, state.WrittenMemory, partition.View, unflushed, AbortedBehind(partition.State, unflushed.From), ProducersOf(partition.State));
        }
    }

    public void Dispose() => Unflushed.Dispose();

    /// <summary>The aborted transactions whose markers are in no segment file yet.</summary>
    private static AbortedEntry[] AbortedBehind(PartitionState state, long offset)
    {
        var rows = new List<AbortedEntry>();
        foreach (var entry in state.Aborted.Published.Entries)
            if (entry.LastOffset >= offset)
                rows.Add(new AbortedEntry(entry.ProducerId, entry.FirstOffset, entry.LastOffset, entry.LastStableOffset));
        return [.. rows];
    }

    private static ProducerSnapshotRow[] ProducersOf(PartitionState state)
    {
        var rows = new List<ProducerSnapshotRow>(state.ProducerCount);
        foreach (var producer in state.Producers)
            rows.Add(new ProducerSnapshotRow(
                producer.ProducerId, producer.Epoch, producer.LastSequence, producer.LastOffset, producer.OffsetDelta,
                producer.Timestamp, producer.CoordinatorEpoch, producer.TransactionFirstOffset));
        return [.. rows];
    }
}
