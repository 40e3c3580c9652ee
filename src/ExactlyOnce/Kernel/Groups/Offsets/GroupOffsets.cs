using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Offsets;

/// <summary>
/// The offsets of one group: what is committed, and for how many open transactions each partition is pending. Owned by <see cref="OffsetTable"/>.
/// </summary>
internal sealed class GroupOffsets
{
    public Dictionary<PartitionKey, StoredOffset> Committed { get; } = [];

    public Dictionary<PartitionKey, int> PendingCounts { get; } = [];

    public bool IsEmpty => Committed.Count == 0 && PendingCounts.Count == 0;

    public bool IsPending(PartitionKey partition) => PendingCounts.ContainsKey(partition);

    public void AddPending(PartitionKey partition) =>
        PendingCounts[partition] = PendingCounts.GetValueOrDefault(partition) + 1;

    public void RemovePending(PartitionKey partition)
    {
        var count = PendingCounts[partition] - 1;
        if (count == 0)
            PendingCounts.Remove(partition);
        else
            PendingCounts[partition] = count;
    }
}
