namespace ExactlyOnce.Kernel.Groups;

/// <summary>The broker's choices about groups. Never part of the durable state: records carry what was decided under them.</summary>
internal sealed record GroupSettings
{
    public static readonly GroupSettings Default = new();

    /// <summary>
    /// Behave as Kafka where Kafka is weaker: commits without membership into a group with members, commits of partitions that are not the member's.
    /// </summary>
    public bool StrictKafka { get; init; }

    public int MinSessionTimeoutMs { get; init; } = 6_000;

    public int MaxSessionTimeoutMs { get; init; } = 1_800_000;

    /// <summary>The session timeout of consumer groups, where the broker and not the member chooses it.</summary>
    public int ConsumerSessionTimeoutMs { get; init; } = 45_000;

    /// <summary>How long the first rebalance of an empty classic group waits for more members.</summary>
    public int InitialRebalanceDelayMs { get; init; } = 3_000;

    /// <summary>How long a member may sit in its first join; older clients send no heartbeats meanwhile, so its session cannot tell that it died.</summary>
    public int NewMemberJoinTimeoutMs { get; init; } = 300_000;

    public int MembersMax { get; init; } = 10_000;

    public int GroupIdCharsMax { get; init; } = 1_024;

    public int OffsetMetadataCharsMax { get; init; } = 4_096;

    /// <summary>Bounds the frame of a plain commit.</summary>
    public int OffsetsPerCommitMax { get; init; } = 10_000;

    /// <summary>Bounds what one transaction holds pending; checked when offsets are added, so that a commit never fails on it.</summary>
    public int OffsetsPerTransactionMax { get; init; } = 10_000;

    public long OffsetRetentionMs { get; init; } = 7L * 24 * 60 * 60 * 1000;

    /// <summary>
    /// Whether a group id can be kept: not too long, and text that survives being written as UTF-8. Two ids that differ only in broken surrogates would be
    /// one group after a restart.
    /// </summary>
    public bool IsValidGroupId(string group)
    {
        if (group.Length > GroupIdCharsMax)
            return false;
        for (var i = 0; i < group.Length; i++)
        {
            if (!char.IsSurrogate(group[i]))
                continue;
            if (i + 1 == group.Length || !char.IsSurrogatePair(group[i], group[i + 1]))
                return false;
            i++;
        }
        return true;
    }
}
