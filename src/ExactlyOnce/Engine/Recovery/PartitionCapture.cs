using System.Buffers;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Partitions;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>A partition at one moment, copied or immutable, so that a checkpoint writes it without holding its lock.</summary>
internal sealed record PartitionCapture(
    Partition Partition, long AppliedLsn, ReadOnlyMemory<byte> State, TailPosition End, TransactionIndexRow[] Aborted, ProducerSnapshotRow[] Producers)
{
    public static PartitionCapture Of(Partition partition)
    {
        lock (partition.Lock)
        {
            var state = new ArrayBufferWriter<byte>();
            partition.State.WriteSnapshot(state);
            return new PartitionCapture(
                partition, partition.AppliedLsn, state.WrittenMemory, partition.Tail.End,
                AbortedOf(partition.State), ProducersOf(partition.State));
        }
    }

    /// <summary>Bytes of the tail that no segment file has.</summary>
    public long UnflushedBytes => Unflushed().Sum(piece => (long)piece.Length);

    /// <summary>Those bytes, in one piece.</summary>
    public ReadOnlyMemory<byte> CopyUnflushed()
    {
        var bytes = new byte[UnflushedBytes];
        var at = 0;
        foreach (var piece in Unflushed())
        {
            piece.CopyTo(bytes.AsMemory(at));
            at += piece.Length;
        }
        return bytes;
    }

    private static TransactionIndexRow[] AbortedOf(PartitionState state)
    {
        var entries = state.Aborted.Published.Entries;
        var rows = new TransactionIndexRow[entries.Length];
        for (var i = 0; i < rows.Length; i++)
            rows[i] = new TransactionIndexRow(entries[i].ProducerId, entries[i].FirstOffset, entries[i].LastOffset, entries[i].LastStableOffset);
        return rows;
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

    private IEnumerable<ReadOnlyMemory<byte>> Unflushed()
    {
        var from = Partition.Flushed;
        for (var chunk = from.Chunk; chunk is not null; chunk = chunk == End.Chunk ? null : chunk.Next)
        {
            var start = chunk == from.Chunk ? from.Position : 0;
            var end = chunk == End.Chunk ? End.Position : chunk.ClosedLength;
            yield return chunk.Buffer.AsMemory(start, end - start);
        }
    }
}
