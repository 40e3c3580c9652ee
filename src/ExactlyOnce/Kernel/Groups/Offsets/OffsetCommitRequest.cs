using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Offsets;

/// <summary>Asks to commit offsets, plainly or, with a producer, as part of its open transaction.</summary>
internal sealed record OffsetCommitRequest
{
    public required string Group { get; init; }

    /// <summary>The classic generation or the member epoch; −1 for callers without membership.</summary>
    public int Generation { get; init; } = -1;

    public string MemberId { get; init; } = "";

    public string? InstanceId { get; init; }

    public required IReadOnlyList<OffsetValue> Offsets { get; init; }

    /// <summary>One refused partition refuses all. For callers whose offsets must move together.</summary>
    public bool AllOrNothing { get; init; }

    /// <summary>
    /// A transaction's offsets over the wire: clients from before KIP-447 name no membership even in a group with members, and Kafka takes that.
    /// </summary>
    public bool MayLackMembership { get; init; }

    /// <summary>A caller that tells a group which does not exist from one that has gone on (OffsetCommit v9).</summary>
    public bool KnowsMissingGroups { get; init; }

    public bool HasMembership => Generation >= 0 || MemberId.Length > 0 || InstanceId is not null;
}

/// <summary>The answer to a commit: what was refused as a whole, or partition by partition in the order of the request.</summary>
internal sealed record OffsetCommitDecision : GroupDecision
{
    /// <summary>One verdict per requested offset; empty when all of them share <see cref="GroupDecision.Verdict"/>.</summary>
    public IReadOnlyList<GroupVerdict> PartitionVerdicts { get; init; } = [];
}
