using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Offsets;

/// <summary>The pending offsets of one producer id's open transaction, by group and partition. Owned by <see cref="OffsetTable"/>.</summary>
internal sealed class PendingTransaction
{
    private readonly Dictionary<string, Dictionary<PartitionKey, StoredOffset>> _groups = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, Dictionary<PartitionKey, StoredOffset>> Groups => _groups;

    /// <summary>How many offsets are pending, over all groups.</summary>
    public int Count { get; private set; }

    public bool Contains(string group, PartitionKey partition) =>
        _groups.TryGetValue(group, out var offsets) && offsets.ContainsKey(partition);

    /// <summary>Sets the pending value; true when the partition had none in this transaction.</summary>
    public bool Set(string group, PartitionKey partition, StoredOffset stored)
    {
        if (!_groups.TryGetValue(group, out var offsets))
            _groups.Add(group, offsets = []);
        var isNew = !offsets.ContainsKey(partition);
        offsets[partition] = stored;
        if (isNew)
            Count++;
        return isNew;
    }

    public void Remove(string group, PartitionKey partition)
    {
        if (!_groups.TryGetValue(group, out var offsets) || !offsets.Remove(partition))
            return;
        Count--;
        if (offsets.Count == 0)
            _groups.Remove(group);
    }

    public void Remove(string group)
    {
        if (_groups.Remove(group, out var offsets))
            Count -= offsets.Count;
    }
}
