namespace ExactlyOnce.Clients.Consuming;

/// <summary>Asks to become a member of a consumer group.</summary>
internal sealed record GroupJoinRequest
{
    public required string Group { get; init; }

    /// <summary>A static member: rejoining under the same instance id replaces the former holder, which is fenced, without a rebalance.</summary>
    public string? InstanceId { get; init; }

    public required IReadOnlyList<string> Topics { get; init; }

    /// <summary>"uniform" or "range".</summary>
    public string Assignor { get; init; } = "uniform";

    /// <summary>
    /// How long the group waits for this member to give up a partition before it takes the partition away and fences the member's late commits.
    /// </summary>
    public TimeSpan RebalanceTimeout { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>What a member may read now.</summary>
/// <param name="MemberEpoch">The epoch that commits under this assignment carry.</param>
/// <param name="Partitions">The partitions that are the member's own until it gives them up.</param>
internal sealed record GroupAssignment(int MemberEpoch, IReadOnlyList<TopicPartition> Partitions);

/// <summary>
/// Membership in a consumer group, after KIP-848: the group computes the target, the member reconciles step by step. A partition goes to its new owner
/// only when the old one has given it up or was fenced. Disposing leaves the group.
/// </summary>
internal abstract class GroupSession : IAsyncDisposable
{
    public abstract string Group { get; }

    public abstract string MemberId { get; }

    /// <summary>The last assignment reconciled.</summary>
    public abstract GroupAssignment Assignment { get; }

    /// <summary>True when <see cref="ReconcileAsync"/> would change <see cref="Assignment"/>.</summary>
    public abstract bool IsChangePending { get; }

    /// <summary>
    /// Called by the consumer between batches: gives up what is no longer its own and takes what has become free. After the call the consumer must have
    /// closed the readers of partitions that are no longer in the answer.
    /// </summary>
    /// <exception cref="BrokerException">FencedInstanceId, FencedMemberEpoch, UnknownMemberId: recreate the consumer.</exception>
    public abstract ValueTask<GroupAssignment> ReconcileAsync(CancellationToken cancellationToken);

    /// <summary>Sets <paramref name="signal"/> whenever a change becomes pending.</summary>
    public abstract void Attach(ReadSignal signal);

    /// <summary>Commits offsets under this membership.</summary>
    /// <exception cref="BrokerException">IllegalGeneration, StaleMemberEpoch, UnknownMemberId: the partition has a new owner.</exception>
    public abstract ValueTask CommitAsync(IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}
