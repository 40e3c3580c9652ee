namespace ExactlyOnce.Kernel.Groups;

/// <summary>
/// What the kernel decided: apply every record in order, in the same step, and write the durable ones to the journal as one frame. A refusal has no
/// records unless something had to change all the same (a member id handed out, an old holder fenced).
/// </summary>
internal record GroupDecision
{
    public static readonly GroupDecision Nothing = new();

    public GroupVerdict Verdict { get; init; }

    public IReadOnlyList<GroupRecord> Records { get; init; } = [];

    /// <summary>Classic joins and syncs of other members whose wait ends with this decision.</summary>
    public IReadOnlyList<Classic.ClassicAnswer> Completed { get; init; } = [];

    /// <summary>Members that lose their membership by this decision without having asked for it.</summary>
    public IReadOnlyList<FencedMember> Fenced { get; init; } = [];

    public bool HasDurableRecords
    {
        get
        {
            foreach (var record in Records)
            {
                if (record.IsDurable)
                    return true;
            }
            return false;
        }
    }
}

/// <summary>A member put out of its group, and why: said to whoever meets the consequences.</summary>
internal readonly record struct FencedMember(string Group, string MemberId, FenceReason Reason);

/// <summary>Why a member was put out.</summary>
internal enum FenceReason : byte
{
    /// <summary>No sign of life for the session timeout.</summary>
    SessionTimeout = 0,
    /// <summary>It did not give up a partition, or did not join or sync, within the rebalance timeout.</summary>
    RebalanceTimeout = 1,
    /// <summary>Another member took over its instance id.</summary>
    InstanceTakenOver = 2,
    /// <summary>Removed by an administrator.</summary>
    Removed = 3,
}
