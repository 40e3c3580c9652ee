using System.Collections.Immutable;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Assignment;

/// <summary>What an assignor knows of a member.</summary>
/// <param name="Key">What members are ordered by: the instance id of a static member, so that its place survives a restart, else the member id.</param>
/// <param name="Topics">The topics it subscribes to, ascending, each once.</param>
/// <param name="Current">Its partitions in the target that is being replaced.</param>
internal readonly record struct AssignmentMember(string Key, ImmutableArray<int> Topics, ImmutableArray<PartitionKey> Current)
{
    public bool IsSubscribedTo(int topic) => Topics.AsSpan().BinarySearch(topic) >= 0;
}
