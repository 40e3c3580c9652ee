using System.Collections.Immutable;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Consumers;

/// <summary>
/// A member of a consumer group. Immutable; lives in <see cref="ConsumerGroup"/>. Durable for network members, except for the deadlines, which start anew
/// after a restart.
/// </summary>
internal sealed record ConsumerMember
{
    /// <summary>The epoch of a static member that left for a moment and keeps its partitions until its session ends.</summary>
    public const int LeftTemporarily = -2;

    public required string Id { get; init; }

    public string? InstanceId { get; init; }

    public MemberOrigin Origin { get; init; }

    public string ClientId { get; init; } = "";

    public string ClientHost { get; init; } = "";

    /// <summary>The topics it subscribes to, ascending.</summary>
    public ImmutableArray<int> Topics { get; init; } = [];

    public string Assignor { get; init; } = Assignment.Assignors.Uniform;

    /// <summary>How long it may keep a partition that is no longer meant for it.</summary>
    public int RebalanceTimeoutMs { get; init; }

    /// <summary>
    /// The group epoch it has reconciled to. A commit under a later one does not exist, under an earlier one is checked partition by partition.
    /// </summary>
    public int Epoch { get; init; }

    /// <summary>The epoch before: a heartbeat that carries it lost our last answer.</summary>
    public int PreviousEpoch { get; init; }

    /// <summary>What it is to own in the end, ascending.</summary>
    public ImmutableArray<PartitionKey> Target { get; init; } = [];

    /// <summary>What it may read now, ascending.</summary>
    public ImmutableArray<OwnedPartition> Owned { get; init; } = [];

    /// <summary>What it was told to give up and has not given up yet: nobody may read it meanwhile, and it may still commit it.</summary>
    public ImmutableArray<OwnedPartition> Revoking { get; init; } = [];

    public long SessionDeadlineMs { get; init; } = long.MaxValue;

    /// <summary>When it is fenced if it has not given up by then what is not in its target.</summary>
    public long RevocationDeadlineMs { get; init; } = long.MaxValue;

    /// <summary>What assignors order members by.</summary>
    public string AssignmentKey => InstanceId ?? Id;

    /// <summary>Whether it holds something that is meant for somebody else.</summary>
    public bool MustGiveUp
    {
        get
        {
            if (!Revoking.IsEmpty)
                return true;
            foreach (var owned in Owned)
            {
                if (!IsTarget(owned.Partition))
                    return true;
            }
            return false;
        }
    }

    public long NextDeadlineMs => Math.Min(SessionDeadlineMs, RevocationDeadlineMs);

    public bool IsTarget(PartitionKey partition) => Target.AsSpan().BinarySearch(partition) >= 0;

    /// <summary>The same member as far as a restart can tell.</summary>
    public bool IsDurablyEqual(ConsumerMember other) =>
        this == other with { SessionDeadlineMs = SessionDeadlineMs, RevocationDeadlineMs = RevocationDeadlineMs };
}
