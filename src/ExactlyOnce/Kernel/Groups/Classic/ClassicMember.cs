using System.Collections.Immutable;

namespace ExactlyOnce.Kernel.Groups.Classic;

/// <summary>
/// A member of a classic group. Immutable; lives in <see cref="ClassicGroup"/>. The lower half dies with the process: waits belong to connections and
/// deadlines start anew after a restart.
/// </summary>
internal sealed record ClassicMember
{
    public required string Id { get; init; }

    /// <summary>A static member's own name, which survives its restarts.</summary>
    public string? InstanceId { get; init; }

    public string ClientId { get; init; } = "";

    public string ClientHost { get; init; } = "";

    public int SessionTimeoutMs { get; init; }

    public int RebalanceTimeoutMs { get; init; }

    /// <summary>In the member's order of preference.</summary>
    public ImmutableArray<ClassicProtocol> Protocols { get; init; } = [];

    /// <summary>The topics it subscribes to, ascending, when the edge can read the subscription; offsets of other topics may then expire.</summary>
    public ImmutableArray<int>? Topics { get; init; }

    /// <summary>What the leader assigned in this generation; opaque.</summary>
    public ReadOnlyMemory<byte> Assignment { get; init; }

    public bool IsAwaitingJoin { get; init; }

    public bool IsAwaitingSync { get; init; }

    /// <summary>It has not synced in this generation yet.</summary>
    public bool IsSyncMissing { get; init; }

    /// <summary>In its first join, when older clients send no heartbeats.</summary>
    public bool IsNew { get; init; }

    /// <summary>When its session ends if nothing is heard of it. Not looked at while it waits, except in its first join.</summary>
    public long SessionDeadlineMs { get; init; } = long.MaxValue;

    public bool IsWaiting => IsAwaitingJoin || IsAwaitingSync;

    /// <summary>When this member is given up; <see cref="long.MaxValue"/> while its wait shows that it lives.</summary>
    public long EffectiveDeadlineMs => IsWaiting && !IsNew ? long.MaxValue : SessionDeadlineMs;

    public bool Supports(string protocol)
    {
        foreach (var candidate in Protocols)
        {
            if (candidate.Name == protocol)
                return true;
        }
        return false;
    }

    public ReadOnlyMemory<byte> MetadataOf(string? protocol)
    {
        foreach (var candidate in Protocols)
        {
            if (candidate.Name == protocol)
                return candidate.Metadata;
        }
        return default;
    }

    /// <summary>Whether it joins again with exactly what it joined with before: then it lost an answer and nothing changed.</summary>
    public bool Matches(ImmutableArray<ClassicProtocol> protocols)
    {
        if (protocols.Length != Protocols.Length)
            return false;
        for (var i = 0; i < protocols.Length; i++)
        {
            if (protocols[i].Name != Protocols[i].Name || !protocols[i].Metadata.Span.SequenceEqual(Protocols[i].Metadata.Span))
                return false;
        }
        return true;
    }
}

/// <summary>A member id that was handed out and is expected back in a second join.</summary>
internal readonly record struct PendingClassicMember(string Id, long DeadlineMs);
