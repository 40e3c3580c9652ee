using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups.Offsets;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// The operations that a commit brings along, in the order and form in which the coordinator takes them, and their outcomes back. Thread-safe.
/// </summary>
internal sealed class LastBatches(BrokerEngine engine)
{
    /// <summary>Arrays that the last commit left behind; whoever comes while they are in use makes his own.</summary>
    private Scratch? _spare;

    public bool TryCommit(ProducerSession session, IReadOnlyList<AppendOperation> operations, OffsetCommitRequest[] commits, out CommitReply reply)
    {
        var count = operations.Count;
        var scratch = Interlocked.Exchange(ref _spare, null) ?? new Scratch();
        scratch.EnsureRoom(count);
        reply = default;
        try
        {
            if (!TryList(operations, scratch, out var nowMs))
                return false;
            var batches = scratch.Batches.AsSpan(0, count);
            var places = scratch.Places.AsSpan(0, count);
            var receipts = scratch.Receipts.AsSpan(0, count);
            Sort(batches, places);
            var id = session.TransactionalId!;
            if (!engine.Transactions.TryCommit(id, session.Identity, batches, receipts, commits, EngineBackend.Client(id), nowMs, out reply))
                return false;
            for (var i = 0; i < count; i++)
                operations[places[i]].SetPlace(receipts[i].BaseOffset, receipts[i].LogAppendTimeMs, isDuplicate: false);
            return true;
        }
        finally
        {
            scratch.Batches.AsSpan(0, count).Clear();
            Volatile.Write(ref _spare, scratch);
        }
    }

    private bool TryList(IReadOnlyList<AppendOperation> operations, Scratch scratch, out long nowMs)
    {
        nowMs = engine.NowMs;
        for (var i = 0; i < operations.Count; i++)
        {
            var operation = operations[i];
            // What a message id says inside a transaction, the partition says.
            if (operation.MessageIds is not null)
                return false;
            scratch.Batches[i] = new PartitionBatch(((EnginePartition)operation.Partition!.Innermost).Partition, operation.Header, operation.Batch);
            scratch.Places[i] = i;
            nowMs = Math.Max(nowMs, engine.AppendTimeMs(operation.Partition.TopicOptions));
        }
        return true;
    }

    private static void Sort(Span<PartitionBatch> batches, Span<int> places)
    {
        for (var i = 1; i < batches.Length; i++)
        {
            if (batches[i - 1].Partition.Key.CompareTo(batches[i].Partition.Key) <= 0)
                continue;
            batches.Sort(places, static (left, right) => left.Partition.Key.CompareTo(right.Partition.Key));
            return;
        }
    }

    private sealed class Scratch
    {
        public PartitionBatch[] Batches { get; private set; } = [];

        public int[] Places { get; private set; } = [];

        public AppendReceipt[] Receipts { get; private set; } = [];

        public void EnsureRoom(int count)
        {
            if (Batches.Length >= count)
                return;
            Batches = new PartitionBatch[count * 2];
            Places = new int[count * 2];
            Receipts = new AppendReceipt[count * 2];
        }
    }
}
