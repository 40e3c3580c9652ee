namespace ExactlyOnce.Clients.Wire;

/// <summary>Partitions of a topic that a member holds or is to hold.</summary>
/// <param name="TopicId">The topic.</param>
/// <param name="TopicName">Its name; not looked at in a request.</param>
/// <param name="Partitions">Ascending in answers.</param>
internal sealed record AssignedTopic(Guid TopicId, string TopicName, IReadOnlyList<int> Partitions);

/// <summary>ConsumerGroupHeartbeat. Null, and −1 where it says so, mean "as before".</summary>
internal sealed record ConsumerHeartbeatCall
{
    public required string Group { get; init; }

    public string MemberId { get; init; } = "";

    /// <summary>0 joins, −1 leaves, −2 leaves as a static member that will be back, else the member's epoch.</summary>
    public required int MemberEpoch { get; init; }

    public string? InstanceId { get; init; }

    public string? RackId { get; init; }

    public string ClientId { get; init; } = "";

    public string ClientHost { get; init; } = "";

    /// <summary>−1: as before.</summary>
    public int RebalanceTimeoutMs { get; init; } = -1;

    /// <summary>Names that no topic has yet count from the day that one has them.</summary>
    public IReadOnlyList<string>? TopicNames { get; init; }

    /// <summary>A regular expression that the whole name matches; empty takes it back.</summary>
    public string? TopicRegex { get; init; }

    /// <summary>Which of the topics that the expression matches the member may know of; null for all.</summary>
    public Func<string, bool>? MayKnowOf { get; init; }

    /// <summary>"uniform" or "range".</summary>
    public string? Assignor { get; init; }

    /// <summary>What the member still reads.</summary>
    public IReadOnlyList<AssignedTopic>? Owned { get; init; }

    /// <summary>Version 0: an empty member id is given one.</summary>
    public bool MayLackMemberId { get; init; }
}

/// <summary>The answer to ConsumerGroupHeartbeat.</summary>
internal sealed record ConsumerHeartbeatAnswer
{
    public ErrorCode Error { get; init; }

    public string? Message { get; init; }

    public string? MemberId { get; init; }

    public int MemberEpoch { get; init; }

    public int HeartbeatIntervalMs { get; init; }

    /// <summary>Everything the member may read now; null when that is as before.</summary>
    public IReadOnlyList<AssignedTopic>? Assignment { get; init; }
}

/// <summary>A group as ConsumerGroupDescribe shows it.</summary>
internal sealed record ConsumerGroupDescription
{
    public required string Group { get; init; }

    /// <summary>None, or GroupIdNotFound for a group that is not known or no consumer group.</summary>
    public ErrorCode Error { get; init; }

    /// <summary>Kafka's word: Empty, Reconciling, Stable, Dead.</summary>
    public required string State { get; init; }

    public int GroupEpoch { get; init; }

    /// <summary>Here targets are computed with the epoch, so the two are equal.</summary>
    public int AssignmentEpoch => GroupEpoch;

    public string Assignor { get; init; } = "";

    public IReadOnlyList<ConsumerMemberDescription> Members { get; init; } = [];
}

/// <summary>A member as ConsumerGroupDescribe shows it.</summary>
internal sealed record ConsumerMemberDescription
{
    public required string MemberId { get; init; }

    public string? InstanceId { get; init; }

    public string? RackId { get; init; }

    public int MemberEpoch { get; init; }

    public string ClientId { get; init; } = "";

    public string ClientHost { get; init; } = "";

    public IReadOnlyList<string> TopicNames { get; init; } = [];

    public string? TopicRegex { get; init; }

    public IReadOnlyList<AssignedTopic> Assignment { get; init; } = [];

    public IReadOnlyList<AssignedTopic> Target { get; init; } = [];
}
