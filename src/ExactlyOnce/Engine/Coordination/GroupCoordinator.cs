using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>What a group call is answered; valid for the caller once <see cref="Lsn"/> is visible, a refusal too.</summary>
internal readonly record struct GroupReply<TDecision>(TDecision Decision, long Lsn)
    where TDecision : GroupDecision;

/// <summary>
/// Carries out what <see cref="GroupCoordinatorState"/> decides. Membership of in-process members changes memory only; epochs and offsets go through the
/// journal.
/// Stateless; everything is under the coordination lock.
/// </summary>
internal sealed partial class GroupCoordinator(CoordinationState state, FrameComposer composer, ClassicWaits waits)
{
    private readonly CatalogCounts _counts = new(state.Topics);

    public GroupReply<ConsumerDecision> Join(ConsumerJoinRequest request, long nowMs)
    {
        lock (state.Lock)
            return CarryOut(state.Groups.DecideJoin(request, _counts, nowMs), nowMs);
    }

    /// <summary>The member gives up what is no longer its own and takes what is free.</summary>
    public GroupReply<ConsumerDecision> Reconcile(string group, string memberId, string? instanceId, long nowMs)
    {
        lock (state.Lock)
            return CarryOut(state.Groups.DecideReconcile(group, memberId, instanceId, nowMs), nowMs);
    }

    public GroupReply<GroupDecision> Leave(string group, string memberId, string? instanceId, long nowMs)
    {
        lock (state.Lock)
            return CarryOut(state.Groups.DecideLeave(group, memberId, instanceId, _counts, nowMs), nowMs);
    }

    public bool IsChangePending(string group, string memberId)
    {
        lock (state.Lock)
            return state.Groups.IsChangePending(group, memberId);
    }

    public GroupReply<OffsetCommitDecision> Commit(OffsetCommitRequest request, long nowMs)
    {
        lock (state.Lock)
            return composer.HasRoomFor(OffsetCommits.BytesOf(request), pieces: 1)
                ? CarryOut(state.Groups.DecideOffsetCommit(request, nowMs), nowMs)
                : new GroupReply<OffsetCommitDecision>(new OffsetCommitDecision { Verdict = GroupVerdict.PolicyViolation }, state.AppliedLsn);
    }

    /// <summary>Committed offsets; unstable where an open transaction is about to move one. The LSN is that of the newest state relied on.</summary>
    public (FetchedOffset[] Offsets, long Lsn) Fetch(string group, IReadOnlyList<PartitionKey> partitions)
    {
        lock (state.Lock)
            return (state.Groups.Fetch(group, partitions, requireStable: true), state.AppliedLsn);
    }

    public GroupReply<GroupDecision> DeleteGroup(string group, long nowMs)
    {
        lock (state.Lock)
            return CarryOut(state.Groups.DecideDeleteGroup(group), nowMs);
    }

    public string[] List()
    {
        lock (state.Lock)
            return [.. state.Groups.Groups.Select(group => group.Id).Order(StringComparer.Ordinal)];
    }

    /// <summary>A topic has more partitions now: groups that read it share them out anew.</summary>
    public void TopicChanged(int topic, long nowMs)
    {
        lock (state.Lock)
            CarryOut(state.Groups.DecideTopicChange(topic, _counts, nowMs), nowMs);
    }

    /// <summary>Puts out members whose time is over.</summary>
    public void FenceTimedOut(long nowMs)
    {
        EndedWait[] ended;
        lock (state.Lock)
        {
            var decision = state.Groups.DecideTimeouts(_counts, nowMs);
            CarryOutInParts(decision, nowMs);
            ended = waits.Take(decision.Completed, state.AppliedLsn);
        }
        foreach (var wait in ended)
            wait.Tell();
    }

    public void ExpireOffsets(long nowMs)
    {
        lock (state.Lock)
            CarryOutInParts(state.Groups.DecideExpiry(nowMs), nowMs);
    }

    /// <summary>The members that lived in the last process are gone. At recovery, before anybody is let in.</summary>
    public void ForgetMembersAfterRestart(long nowMs)
    {
        lock (state.Lock)
            CarryOutInParts(state.Groups.DecideRestart(_counts, nowMs), nowMs);
    }

    /// <summary>Changes that the broker makes by itself in any number of groups: each stands alone, and all of them might be more than a frame holds.</summary>
    private void CarryOutInParts(GroupDecision decision, long nowMs)
    {
        foreach (var some in decision.Records.Chunk(FrameComposer.ManyRecords))
            CarryOut(new GroupDecision { Records = some }, nowMs, isInParts: true);
    }

    private GroupReply<TDecision> CarryOut<TDecision>(TDecision decision, long nowMs, bool isInParts = false)
        where TDecision : GroupDecision
    {
        if (!decision.HasDurableRecords)
        {
            foreach (var record in decision.Records)
                state.Apply(record);
            return new GroupReply<TDecision>(decision, state.AppliedLsn);
        }
        using var guard = composer.Guard();
        composer.Open(nowMs);
        foreach (var record in decision.Records)
        {
            if (isInParts)
                composer.BreakWhenLarge();
            composer.Add(record);
        }
        return new GroupReply<TDecision>(decision, composer.Close());
    }
}
