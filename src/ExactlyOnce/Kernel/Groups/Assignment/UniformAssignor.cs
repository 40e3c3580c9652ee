using System.Collections.Immutable;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Assignment;

/// <summary>
/// Balanced and sticky: keep what can be kept, give free partitions to the least loaded, then move one partition at a time from a more loaded member to
/// one at least two below it. With equal subscriptions loads end within one of each other and no partition moves that need not.
/// </summary>
internal static class UniformAssignor
{
    public static ImmutableArray<PartitionKey>[] Assign(ReadOnlySpan<AssignmentMember> members, IPartitionCounts counts)
    {
        var topics = Assignors.Topics(members);
        var subscribers = Subscribers(members, topics);
        var shares = new SortedSet<PartitionKey>[members.Length];
        var taken = Keep(members, counts, shares);
        foreach (var topic in ScarcestFirst(topics, subscribers))
            GiveFree(topic, counts.CountOf(topic), subscribers[topic], taken, shares);
        while (TryMoveOne(members, shares))
        {
            // Every move lowers the sum of squared loads, so this ends.
        }
        return Array.ConvertAll(shares, static share => share.ToImmutableArray());
    }

    private static Dictionary<int, List<int>> Subscribers(ReadOnlySpan<AssignmentMember> members, SortedSet<int> topics)
    {
        var subscribers = new Dictionary<int, List<int>>();
        foreach (var topic in topics)
            subscribers.Add(topic, []);
        for (var member = 0; member < members.Length; member++)
        {
            foreach (var topic in members[member].Topics)
                subscribers[topic].Add(member);
        }
        return subscribers;
    }

    private static HashSet<PartitionKey> Keep(ReadOnlySpan<AssignmentMember> members, IPartitionCounts counts, SortedSet<PartitionKey>[] shares)
    {
        var taken = new HashSet<PartitionKey>();
        for (var member = 0; member < members.Length; member++)
        {
            shares[member] = [];
            foreach (var partition in members[member].Current)
            {
                if (partition.Index < counts.CountOf(partition.Topic) && members[member].IsSubscribedTo(partition.Topic) && taken.Add(partition))
                    shares[member].Add(partition);
            }
        }
        return taken;
    }

    // A topic that few can read is given out first, while those few are still empty.
    private static List<int> ScarcestFirst(SortedSet<int> topics, Dictionary<int, List<int>> subscribers)
    {
        var order = new List<int>(topics);
        order.Sort((a, b) =>
        {
            var byCount = subscribers[a].Count.CompareTo(subscribers[b].Count);
            return byCount != 0 ? byCount : a.CompareTo(b);
        });
        return order;
    }

    private static void GiveFree(int topic, int partitions, List<int> subscribers, HashSet<PartitionKey> taken, SortedSet<PartitionKey>[] shares)
    {
        for (var index = 0; index < partitions; index++)
        {
            var partition = new PartitionKey(topic, index);
            if (!taken.Add(partition))
                continue;
            var least = subscribers[0];
            foreach (var member in subscribers)
            {
                if (shares[member].Count < shares[least].Count)
                    least = member;
            }
            shares[least].Add(partition);
        }
    }

    private static bool TryMoveOne(ReadOnlySpan<AssignmentMember> members, SortedSet<PartitionKey>[] shares)
    {
        var order = MembersByLoad(shares);
        for (var high = order.Length - 1; high > 0; high--)
        {
            for (var low = 0; low < high && shares[order[high]].Count - shares[order[low]].Count > 1; low++)
            {
                if (TryMove(shares[order[high]], shares[order[low]], members[order[low]]))
                    return true;
            }
        }
        return false;
    }

    private static bool TryMove(SortedSet<PartitionKey> source, SortedSet<PartitionKey> target, AssignmentMember receiver)
    {
        foreach (var partition in source.Reverse())
        {
            if (!receiver.IsSubscribedTo(partition.Topic))
                continue;
            source.Remove(partition);
            target.Add(partition);
            return true;
        }
        return false;
    }

    private static int[] MembersByLoad(SortedSet<PartitionKey>[] shares)
    {
        var order = new int[shares.Length];
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        Array.Sort(order, (a, b) =>
        {
            var byLoad = shares[a].Count.CompareTo(shares[b].Count);
            return byLoad != 0 ? byLoad : a.CompareTo(b);
        });
        return order;
    }
}
