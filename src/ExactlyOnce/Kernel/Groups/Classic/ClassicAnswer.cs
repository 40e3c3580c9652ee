using System.Collections.Immutable;

namespace ExactlyOnce.Kernel.Groups.Classic;

/// <summary>Which request an answer belongs to.</summary>
internal enum ClassicWait : byte
{
    Join = 0,
    Sync = 1,
}

/// <summary>The answer to a JoinGroup or SyncGroup, given at once or when the group is ready.</summary>
internal sealed record ClassicAnswer
{
    public required string Group { get; init; }

    public required string MemberId { get; init; }

    public required ClassicWait Wait { get; init; }

    public GroupVerdict Verdict { get; init; }

    public int Generation { get; init; } = -1;

    public string? ProtocolType { get; init; }

    public string? Protocol { get; init; }

    public string LeaderId { get; init; } = "";

    /// <summary>A leader that came back within a generation: it leads, and the assignment stands.</summary>
    public bool SkipAssignment { get; init; }

    /// <summary>All members, with what they say to the chosen assignor. The leader's answer only.</summary>
    public ImmutableArray<ClassicAnswerMember> Members { get; init; } = [];

    public ReadOnlyMemory<byte> Assignment { get; init; }
}

/// <summary>A member as the leader's assignor sees it.</summary>
internal readonly record struct ClassicAnswerMember(string MemberId, string? InstanceId, ReadOnlyMemory<byte> Metadata);

/// <summary>A decision about a join or a sync.</summary>
internal sealed record ClassicDecision : GroupDecision
{
    /// <summary>The caller's answer; null while it has to wait for a decision that completes it.</summary>
    public ClassicAnswer? Own { get; init; }

    public bool MustWait => Own is null && Verdict == GroupVerdict.None;
}
