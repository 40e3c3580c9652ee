namespace ExactlyOnce.Clients.Wire;

/// <summary>An offset to commit.</summary>
/// <param name="Partition">Its partition.</param>
/// <param name="Offset">The next offset to read.</param>
/// <param name="LeaderEpoch">Of the last record read; −1 when unknown.</param>
/// <param name="Metadata">Free text of the client.</param>
internal readonly record struct OffsetToCommit(TopicPartition Partition, long Offset, int LeaderEpoch = -1, string? Metadata = null);

/// <summary>OffsetCommit, and TxnOffsetCommit.</summary>
internal sealed record OffsetCommitCall
{
    public required string Group { get; init; }

    /// <summary>The generation, or the member epoch; −1 for callers that are no members.</summary>
    public int Generation { get; init; } = -1;

    public string MemberId { get; init; } = "";

    public string? InstanceId { get; init; }

    public required IReadOnlyList<OffsetToCommit> Offsets { get; init; }

    /// <summary>
    /// OffsetCommit from version 9, which consumer groups (KIP-848) ask for: an unknown group is told as GroupIdNotFound, an older epoch as StaleMemberEpoch.
    /// </summary>
    public bool KnowsMemberEpochs { get; init; }
}

/// <summary>OffsetFetch of one group.</summary>
internal sealed record OffsetFetchCall
{
    public required string Group { get; init; }

    /// <summary>A member of a consumer group from version 9 on, which may only fetch while it is one.</summary>
    public string MemberId { get; init; } = "";

    public int MemberEpoch { get; init; } = -1;

    /// <summary>Null for every partition with an offset.</summary>
    public IReadOnlyList<TopicPartition>? Partitions { get; init; }

    /// <summary>Do not answer offsets that an open transaction may be about to replace.</summary>
    public bool RequireStable { get; init; }
}

/// <summary>The answer to OffsetFetch.</summary>
/// <param name="Error">Of the group as a whole; then there are no offsets.</param>
/// <param name="Offsets">In the order of the request; of all partitions when it names none.</param>
internal sealed record OffsetFetchAnswer(ErrorCode Error, IReadOnlyList<FetchedPartitionOffset> Offsets);

/// <summary>A committed offset. With nothing committed, which is also what a partition is told that does not exist, or an error, the offset is −1.</summary>
/// <param name="Partition">Its partition.</param>
/// <param name="Error">None or UnstableOffsetCommit.</param>
/// <param name="Offset">The next offset to read, −1 for none.</param>
/// <param name="LeaderEpoch">−1 when unknown.</param>
/// <param name="Metadata">Free text of the client.</param>
internal readonly record struct FetchedPartitionOffset(TopicPartition Partition, ErrorCode Error, long Offset, int LeaderEpoch, string Metadata);

/// <summary>The answer to OffsetDelete.</summary>
/// <param name="Error">GroupIdNotFound, NonEmptyGroup.</param>
/// <param name="Partitions">In the order of the request: None, UnknownTopicOrPartition, GroupSubscribedToTopic. Empty on an error of the whole.</param>
internal sealed record OffsetDeleteAnswer(ErrorCode Error, IReadOnlyList<ErrorCode> Partitions);
