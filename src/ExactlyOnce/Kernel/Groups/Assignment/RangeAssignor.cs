using System.Collections.Immutable;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Assignment;

/// <summary>
/// Gives each topic's partitions out in contiguous ranges, in the order of the members' keys: partitions of equal index in topics of equal size and
/// subscribers meet at the same member. Not sticky.
/// </summary>
internal static class RangeAssignor
{
    public static ImmutableArray<PartitionKey>[] Assign(ReadOnlySpan<AssignmentMember> members, IPartitionCounts counts)
    {
        var order = MembersByKey(members);
        var shares = new List<PartitionKey>[members.Length];
        for (var i = 0; i < shares.Length; i++)
            shares[i] = [];
        foreach (var topic in Assignors.Topics(members))
        {
            var subscribers = new List<int>();
            foreach (var member in order)
            {
                if (members[member].IsSubscribedTo(topic))
                    subscribers.Add(member);
            }
            AssignTopic(topic, counts.CountOf(topic), subscribers, shares);
        }
        return Array.ConvertAll(shares, static share => share.ToImmutableArray());
    }

    private static void AssignTopic(int topic, int partitions, List<int> subscribers, List<PartitionKey>[] shares)
    {
        var (quota, extra) = Math.DivRem(partitions, subscribers.Count);
        var next = 0;
        for (var rank = 0; rank < subscribers.Count; rank++)
        {
            var end = next + quota + (rank < extra ? 1 : 0);
            while (next < end)
                shares[subscribers[rank]].Add(new PartitionKey(topic, next++));
        }
    }

    private static int[] MembersByKey(ReadOnlySpan<AssignmentMember> members)
    {
        var keys = new string[members.Length];
        var order = new int[members.Length];
        for (var i = 0; i < members.Length; i++)
        {
            keys[i] = members[i].Key;
            order[i] = i;
        }
        Array.Sort(keys, order, StringComparer.Ordinal);
        return order;
    }
}
