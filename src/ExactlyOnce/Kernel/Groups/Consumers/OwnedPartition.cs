using System.Collections.Immutable;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Consumers;

/// <summary>A partition in a member's hands.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="SinceEpoch">The member epoch at which it was assigned. A commit under an older epoch belongs to an earlier ownership and is refused.</param>
internal readonly record struct OwnedPartition(PartitionKey Partition, int SinceEpoch)
{
    /// <summary>Searches a list that is ascending by partition.</summary>
    public static bool Contains(ImmutableArray<OwnedPartition> owned, PartitionKey partition)
    {
        var (low, high) = (0, owned.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            var order = owned[middle].Partition.CompareTo(partition);
            if (order == 0)
                return true;
            if (order < 0)
                low = middle + 1;
            else
                high = middle - 1;
        }
        return false;
    }
}

/// <summary>Who holds a partition, the way a commit or an assignment asks for it.</summary>
internal readonly record struct PartitionOwner(string MemberId, int SinceEpoch);
