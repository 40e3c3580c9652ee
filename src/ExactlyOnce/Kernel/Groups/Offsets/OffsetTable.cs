using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Offsets;

/// <summary>
/// Committed offsets by group and partition, and the pending ones of open transactions by producer id, group and partition. Owned by
/// <see cref="GroupCoordinatorState"/>; changed by its Apply alone. Pending values are keyed by producer id, not epoch: a transaction belongs to the id,
/// and the epoch that ends it may be a later one.
/// </summary>
internal sealed class OffsetTable
{
    private readonly Dictionary<string, GroupOffsets> _groups = new(StringComparer.Ordinal);
    private readonly Dictionary<long, PendingTransaction> _pending = [];

    /// <summary>The number of the last write; part of the durable state, because a later marker compares by it.</summary>
    public long LastWriteOrder { get; internal set; }

    public IReadOnlyDictionary<string, GroupOffsets> Groups => _groups;

    public IReadOnlyDictionary<long, PendingTransaction> Pending => _pending;

    public GroupOffsets? TryGet(string group) => _groups.GetValueOrDefault(group);

    public bool HasOffsets(string group) => _groups.ContainsKey(group);

    public bool HasPending(long producerId) => _pending.ContainsKey(producerId);

    public int PendingCount(long producerId) => _pending.TryGetValue(producerId, out var transaction) ? transaction.Count : 0;

    public void Apply(OffsetsCommitted record, long lsn)
    {
        var group = GetOrAdd(record.Group);
        var order = ++LastWriteOrder;
        foreach (var value in record.Offsets)
            group.Committed[value.Partition] = Stored(value, record.NowMs, order, lsn);
    }

    public void Apply(TransactionOffsetsWritten record, long lsn)
    {
        var group = GetOrAdd(record.Group);
        var order = ++LastWriteOrder;
        if (!_pending.TryGetValue(record.Producer.Id, out var transaction))
            _pending.Add(record.Producer.Id, transaction = new PendingTransaction());
        foreach (var value in record.Offsets)
        {
            if (transaction.Set(record.Group, value.Partition, Stored(value, record.NowMs, order, lsn)))
                group.AddPending(value.Partition);
        }
        DropIfEmpty(record.Group, group);
    }

    /// <summary>The later written wins: a plain commit made between the transactional write and the end of the transaction stays.</summary>
    public void Apply(TransactionOffsetsEnded record, long lsn)
    {
        if (!_pending.Remove(record.ProducerId, out var transaction))
            return;
        foreach (var (name, offsets) in transaction.Groups)
        {
            var group = _groups[name];
            foreach (var (partition, pending) in offsets)
            {
                group.RemovePending(partition);
                if (record.IsCommit && (!group.Committed.TryGetValue(partition, out var committed) || pending.WriteOrder > committed.WriteOrder))
                    group.Committed[partition] = pending with { Lsn = lsn };
            }
            DropIfEmpty(name, group);
        }
    }

    public void Apply(OffsetsDeleted record)
    {
        if (!_groups.TryGetValue(record.Group, out var group))
            return;
        foreach (var partition in record.Partitions)
        {
            group.Committed.Remove(partition);
            DropPending(record.Group, group, partition);
        }
        DropIfEmpty(record.Group, group);
    }

    public void Apply(TopicOffsetsDropped record)
    {
        foreach (var (name, group) in _groups)
        {
            foreach (var partition in PartitionsOf(group, record.Topic))
            {
                group.Committed.Remove(partition);
                DropPending(name, group, partition);
            }
            DropIfEmpty(name, group);
        }
    }

    public void Apply(GroupDeleted record)
    {
        if (!_groups.Remove(record.Group))
            return;
        foreach (var (producerId, transaction) in _pending)
        {
            transaction.Remove(record.Group);
            if (transaction.Count == 0)
                _pending.Remove(producerId);
        }
    }

    internal static List<PartitionKey> PartitionsOf(GroupOffsets group, int topic)
    {
        var partitions = new SortedSet<PartitionKey>();
        foreach (var partition in group.Committed.Keys)
        {
            if (partition.Topic == topic)
                partitions.Add(partition);
        }
        foreach (var partition in group.PendingCounts.Keys)
        {
            if (partition.Topic == topic)
                partitions.Add(partition);
        }
        return [.. partitions];
    }

    /// <summary>Puts back what a snapshot holds.</summary>
    internal void RestoreCommitted(string group, PartitionKey partition, StoredOffset stored) =>
        GetOrAdd(group).Committed[partition] = stored;

    /// <summary>Puts back what a snapshot holds.</summary>
    internal void RestorePending(long producerId, string group, PartitionKey partition, StoredOffset stored)
    {
        if (!_pending.TryGetValue(producerId, out var transaction))
            _pending.Add(producerId, transaction = new PendingTransaction());
        if (transaction.Set(group, partition, stored))
            GetOrAdd(group).AddPending(partition);
    }

    public void AssertInvariants()
    {
        var counts = new Dictionary<(string, PartitionKey), int>();
        foreach (var (_, transaction) in _pending)
        {
            Assert(transaction.Count > 0, "a transaction without pending offsets is remembered");
            foreach (var (name, offsets) in transaction.Groups)
            {
                foreach (var (partition, stored) in offsets)
                {
                    Assert(stored.WriteOrder <= LastWriteOrder, "a pending offset was written after the last write");
                    counts[(name, partition)] = counts.GetValueOrDefault((name, partition)) + 1;
                }
            }
        }
        var indexed = 0;
        foreach (var (name, group) in _groups)
        {
            Assert(!group.IsEmpty, "a group without offsets is remembered");
            foreach (var stored in group.Committed.Values)
                Assert(stored.WriteOrder <= LastWriteOrder, "a committed offset was written after the last write");
            foreach (var (partition, count) in group.PendingCounts)
                Assert(counts.GetValueOrDefault((name, partition)) == count, "the pending index disagrees with the pending offsets");
            indexed += group.PendingCounts.Count;
        }
        Assert(indexed == counts.Count, "pending offsets are missing in the index");
    }

    private static void Assert(bool condition, string broken)
    {
        if (!condition)
            throw new InvalidOperationException("Offset table: " + broken + ".");
    }

    private static StoredOffset Stored(OffsetValue value, long nowMs, long order, long lsn) =>
        new(value.Offset, value.LeaderEpoch, value.Metadata, nowMs, order, lsn);

    private GroupOffsets GetOrAdd(string group)
    {
        if (!_groups.TryGetValue(group, out var offsets))
            _groups.Add(group, offsets = new GroupOffsets());
        return offsets;
    }

    private void DropPending(string name, GroupOffsets group, PartitionKey partition)
    {
        if (!group.PendingCounts.Remove(partition))
            return;
        foreach (var (producerId, transaction) in _pending)
        {
            transaction.Remove(name, partition);
            if (transaction.Count == 0)
                _pending.Remove(producerId);
        }
    }

    private void DropIfEmpty(string name, GroupOffsets group)
    {
        if (group.IsEmpty)
            _groups.Remove(name);
    }
}
