using System.Collections.Immutable;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Consumers;

/// <summary>Asks to become a member: an in-process consumer, or a ConsumerGroupHeartbeat with epoch 0.</summary>
internal sealed record ConsumerJoinRequest
{
    public required string Group { get; init; }

    /// <summary>Never used before in this group, unless the very same network member starts over.</summary>
    public required string MemberId { get; init; }

    public string? InstanceId { get; init; }

    public MemberOrigin Origin { get; init; }

    public string ClientId { get; init; } = "";

    public string ClientHost { get; init; } = "";

    public required ImmutableArray<int> Topics { get; init; }

    public string Assignor { get; init; } = Assignment.Assignors.Uniform;

    public int RebalanceTimeoutMs { get; init; } = 60_000;
}

/// <summary>A ConsumerGroupHeartbeat with an epoch above 0. Null means "as before".</summary>
internal sealed record ConsumerHeartbeatRequest
{
    public required string Group { get; init; }

    public required string MemberId { get; init; }

    public string? InstanceId { get; init; }

    public required int MemberEpoch { get; init; }

    /// <summary>What the member still reads. What is missing here it has given up.</summary>
    public ImmutableArray<PartitionKey>? Owned { get; init; }

    public ImmutableArray<int>? Topics { get; init; }

    public string? Assignor { get; init; }

    public int? RebalanceTimeoutMs { get; init; }
}

/// <summary>What a member may read now.</summary>
/// <param name="MemberEpoch">The epoch that commits carry.</param>
/// <param name="Partitions">Its own until it is told otherwise.</param>
/// <param name="IsChangePending">More is to come: a partition meant for it is still in other hands, or it has to give one up first.</param>
internal sealed record ConsumerAssignment(int MemberEpoch, ImmutableArray<PartitionKey> Partitions, bool IsChangePending);

/// <summary>A decision about a member of a consumer group.</summary>
internal sealed record ConsumerDecision : GroupDecision
{
    /// <summary>Null when refused or left.</summary>
    public ConsumerAssignment? Assignment { get; init; }
}
