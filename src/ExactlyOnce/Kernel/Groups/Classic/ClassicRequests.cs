using System.Collections.Immutable;

namespace ExactlyOnce.Kernel.Groups.Classic;

/// <summary>JoinGroup.</summary>
internal sealed record ClassicJoinRequest
{
    public required string Group { get; init; }

    /// <summary>Empty on a member's first join.</summary>
    public string MemberId { get; init; } = "";

    /// <summary>The id to hand out if one is needed; made by the caller, because chance is an argument.</summary>
    public required string NewMemberId { get; init; }

    public string? InstanceId { get; init; }

    public string ClientId { get; init; } = "";

    public string ClientHost { get; init; } = "";

    public int SessionTimeoutMs { get; init; } = 45_000;

    public int RebalanceTimeoutMs { get; init; } = 300_000;

    public required string ProtocolType { get; init; }

    /// <summary>In order of preference.</summary>
    public required ImmutableArray<ClassicProtocol> Protocols { get; init; }

    /// <summary>The subscribed topics when the caller can read the subscription; otherwise null.</summary>
    public ImmutableArray<int>? Topics { get; init; }

    /// <summary>JoinGroup v4 and above: a dynamic member joins twice, first for its id, so that a lost answer leaves no ghost behind.</summary>
    public bool RequiresKnownMemberId { get; init; } = true;

    /// <summary>JoinGroup v9 and above: a static leader that comes back can be told to keep the assignment.</summary>
    public bool SupportsSkippingAssignment { get; init; } = true;
}

/// <summary>SyncGroup.</summary>
internal sealed record ClassicSyncRequest
{
    public required string Group { get; init; }

    public required string MemberId { get; init; }

    public string? InstanceId { get; init; }

    public required int Generation { get; init; }

    /// <summary>Null before SyncGroup v5.</summary>
    public string? ProtocolType { get; init; }

    /// <summary>Null before SyncGroup v5.</summary>
    public string? Protocol { get; init; }

    /// <summary>The leader's; empty from everybody else.</summary>
    public ImmutableArray<ClassicAssignment> Assignments { get; init; } = [];
}

/// <summary>What the leader gives a member.</summary>
internal readonly record struct ClassicAssignment(string MemberId, ReadOnlyMemory<byte> Assignment);
