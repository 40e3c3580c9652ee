namespace ExactlyOnce.Clients.Wire;

/// <summary>A member of a group as it names itself.</summary>
internal readonly record struct GroupMember(string Group, string MemberId, string? InstanceId);

/// <summary>A member that leaves.</summary>
internal readonly record struct LeavingMember(string MemberId, string? InstanceId);

/// <summary>An assignor that a member supports, with its subscription as that assignor reads it. The bytes are copied.</summary>
internal readonly record struct GroupProtocol(string Name, ReadOnlyMemory<byte> Metadata);

/// <summary>JoinGroup.</summary>
internal sealed record JoinGroupCall
{
    public required string Group { get; init; }

    /// <summary>Empty on the first join.</summary>
    public string MemberId { get; init; } = "";

    public string? InstanceId { get; init; }

    public string ClientId { get; init; } = "";

    public string ClientHost { get; init; } = "";

    public required int SessionTimeoutMs { get; init; }

    /// <summary>−1, as version 0 has none: the session timeout.</summary>
    public int RebalanceTimeoutMs { get; init; } = -1;

    public required string ProtocolType { get; init; }

    /// <summary>In order of preference.</summary>
    public required IReadOnlyList<GroupProtocol> Protocols { get; init; }

    /// <summary>From version 4 on: a dynamic member joins a second time with the id it was given by MemberIdRequired.</summary>
    public bool RequiresKnownMemberId { get; init; } = true;

    /// <summary>From version 9 on.</summary>
    public bool SupportsSkippingAssignment { get; init; } = true;
}

/// <summary>The answer to JoinGroup.</summary>
internal sealed record JoinGroupAnswer
{
    public ErrorCode Error { get; init; }

    /// <summary>−1 on an error.</summary>
    public int Generation { get; init; } = -1;

    public string? ProtocolType { get; init; }

    /// <summary>The assignor chosen; null on an error, where versions before 7 write an empty text.</summary>
    public string? Protocol { get; init; }

    public string LeaderId { get; init; } = "";

    public bool SkipAssignment { get; init; }

    /// <summary>The id to use from now on; also with MemberIdRequired.</summary>
    public string MemberId { get; init; } = "";

    /// <summary>Of the leader's answer only.</summary>
    public IReadOnlyList<JoinedMember> Members { get; init; } = [];
}

/// <summary>A member with its subscription, as the leader is told of it.</summary>
internal readonly record struct JoinedMember(string MemberId, string? InstanceId, ReadOnlyMemory<byte> Metadata);

/// <summary>SyncGroup.</summary>
internal sealed record SyncGroupCall
{
    public required string Group { get; init; }

    public required string MemberId { get; init; }

    public string? InstanceId { get; init; }

    public required int Generation { get; init; }

    /// <summary>Null before version 5.</summary>
    public string? ProtocolType { get; init; }

    /// <summary>Null before version 5.</summary>
    public string? Protocol { get; init; }

    /// <summary>The leader's. The bytes are copied.</summary>
    public IReadOnlyList<MemberShare> Assignments { get; init; } = [];
}

/// <summary>What the leader gives a member.</summary>
internal readonly record struct MemberShare(string MemberId, ReadOnlyMemory<byte> Assignment);

/// <summary>The answer to SyncGroup.</summary>
internal sealed record SyncGroupAnswer(ErrorCode Error, string? ProtocolType, string? Protocol, ReadOnlyMemory<byte> Assignment);

/// <summary>A group as DescribeGroups shows it.</summary>
internal sealed record ClassicGroupDescription
{
    public required string Group { get; init; }

    /// <summary>
    /// None, or GroupIdNotFound for a group that is not known or no classic one, whose state is then "Dead"; versions before 6 write no error.
    /// </summary>
    public ErrorCode Error { get; init; }

    /// <summary>Kafka's word: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead.</summary>
    public required string State { get; init; }

    public string ProtocolType { get; init; } = "";

    /// <summary>The assignor chosen; empty unless stable.</summary>
    public string Protocol { get; init; } = "";

    public IReadOnlyList<ClassicMemberDescription> Members { get; init; } = [];
}

/// <summary>A member as DescribeGroups shows it; subscription and assignment are empty unless the group is stable.</summary>
internal readonly record struct ClassicMemberDescription(
    string MemberId, string? InstanceId, string ClientId, string ClientHost, ReadOnlyMemory<byte> Metadata, ReadOnlyMemory<byte> Assignment);

/// <summary>A group as ListGroups shows it.</summary>
/// <param name="Group">Its id.</param>
/// <param name="ProtocolType">"consumer", "connect" and so on; empty for a group of offsets only.</param>
/// <param name="State">Kafka's word.</param>
/// <param name="Type">"Classic" or "Consumer".</param>
internal readonly record struct GroupListing(string Group, string ProtocolType, string State, string Type);
