using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Offsets;

/// <summary>
/// Which committed offsets nobody has needed for the retention time. Pending transactional offsets protect their partition, members protect the topics they
/// read; an empty group's offsets count from the later of its emptiness and their commit. Pure.
/// </summary>
internal static class OffsetExpiry
{
    public static List<PartitionKey> Expired(GroupEntry group, GroupOffsets offsets, long retentionMs, long nowMs)
    {
        var expired = new List<PartitionKey>();
        foreach (var (partition, stored) in offsets.Committed)
        {
            var since = Math.Max(stored.CommitMs, group.EmptySinceMs);
            if (nowMs - since >= retentionMs && !offsets.IsPending(partition) && MayExpire(group, partition.Topic))
                expired.Add(partition);
        }
        expired.Sort();
        return expired;
    }

    private static bool MayExpire(GroupEntry group, int topic) => group.Kind switch
    {
        GroupKind.Classic when group.HasMembers => group.State == GroupState.Stable && group.Classic.IsKnownToIgnore(topic),
        GroupKind.Classic => group.State == GroupState.Empty,
        GroupKind.Consumer => !group.Consumer!.IsSubscribed(topic),
        _ => true,
    };

    /// <summary>
    /// A group without members and offsets is forgotten. One that had members only after the retention time, because its generation is what fences them.
    /// </summary>
    public static bool IsForgettable(GroupEntry group, bool keepsOffsets, long retentionMs, long nowMs)
    {
        if (keepsOffsets || group.HasMembers || group.State != GroupState.Empty || !group.Classic.PendingMembers.IsEmpty)
            return false;
        return group.Kind == GroupKind.Simple || nowMs - group.EmptySinceMs >= retentionMs;
    }
}
