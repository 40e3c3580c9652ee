using System.Collections.Immutable;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Assignment;

/// <summary>The assignors by name. All are pure functions: members and partition counts in, one ascending list of partitions per member out.</summary>
internal static class Assignors
{
    public const string Uniform = "uniform";
    public const string Range = "range";

    public static bool IsKnown(string name) => name is Uniform or Range;

    public static ImmutableArray<PartitionKey>[] Assign(string assignor, ReadOnlySpan<AssignmentMember> members, IPartitionCounts counts) =>
        assignor switch
        {
            Uniform => UniformAssignor.Assign(members, counts),
            Range => RangeAssignor.Assign(members, counts),
            _ => throw new InvalidOperationException("The assignor was checked when the member joined."),
        };

    /// <summary>The topics that anybody subscribes to, ascending.</summary>
    internal static SortedSet<int> Topics(ReadOnlySpan<AssignmentMember> members)
    {
        var topics = new SortedSet<int>();
        foreach (var member in members)
        {
            foreach (var topic in member.Topics)
                topics.Add(topic);
        }
        return topics;
    }
}
