using System.Buffers;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups.Offsets;

namespace ExactlyOnce.Engine.Backend;

/// <summary>The operations that a commit brings along, in the order and form in which the coordinator takes them, and their outcomes back.</summary>
internal static class LastBatches
{
    public static bool TryCommit(
        BrokerEngine engine, ProducerSession session, IReadOnlyList<AppendOperation> operations, OffsetCommitRequest[] commits, out CoordinatorReply reply)
    {
        reply = default;
        var count = operations.Count;
        var batches = ArrayPool<PartitionBatch>.Shared.Rent(count);
        var places = ArrayPool<int>.Shared.Rent(count);
        var receipts = ArrayPool<AppendReceipt>.Shared.Rent(count);
        try
        {
            if (!TryList(engine, operations, batches, places, out var nowMs))
                return false;
            batches.AsSpan(0, count).Sort(places.AsSpan(0, count), static (left, right) => left.Partition.Key.CompareTo(right.Partition.Key));
            var id = session.TransactionalId!;
            if (!engine.Transactions.TryCommit(
                id, session.Identity, batches.AsSpan(0, count), receipts.AsSpan(0, count), commits, EngineBackend.Client(id), nowMs, out reply))
                return false;
            for (var i = 0; i < count; i++)
                operations[places[i]].SetPlace(receipts[i].BaseOffset, receipts[i].LogAppendTimeMs, isDuplicate: false);
            return true;
        }
        finally
        {
            ArrayPool<PartitionBatch>.Shared.Return(batches, clearArray: true);
            ArrayPool<int>.Shared.Return(places);
            ArrayPool<AppendReceipt>.Shared.Return(receipts);
        }
    }

    private static bool TryList(BrokerEngine engine, IReadOnlyList<AppendOperation> operations, PartitionBatch[] batches, int[] places, out long nowMs)
    {
        nowMs = engine.NowMs;
        for (var i = 0; i < operations.Count; i++)
        {
            var operation = operations[i];
            // What a message id says inside a transaction, the partition says.
            if (operation.MessageIds is not null)
                return false;
            batches[i] = new PartitionBatch(((EnginePartition)operation.Partition!).Partition, operation.Header, operation.Batch);
            places[i] = i;
            nowMs = Math.Max(nowMs, engine.AppendTimeMs(operation.Partition.TopicOptions));
        }
        return true;
    }
}
