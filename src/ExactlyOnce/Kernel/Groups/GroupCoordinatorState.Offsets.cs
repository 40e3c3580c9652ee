using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups;

/// <content>Offsets: commits, transactional commits, fetches, deletion and expiry.</content>
internal sealed partial class GroupCoordinatorState
{
    /// <summary>A plain commit.</summary>
    public OffsetCommitDecision DecideOffsetCommit(OffsetCommitRequest request, long nowMs)
    {
        if (request.Offsets.Count > _settings.OffsetsPerCommitMax)
            return new OffsetCommitDecision { Verdict = GroupVerdict.PolicyViolation };
        var decision = CheckCommit(request, isTransactional: false, out var accepted);
        if (accepted.Count == 0)
            return decision;
        var committed = new OffsetsCommitted(request.Group, nowMs, accepted);
        return TryGetGroup(request.Group) is { Kind: GroupKind.Classic } group
            ? decision with { Records = [committed, .. ClassicRules.DecideHeard(group.Id, group.Classic, request.MemberId, _settings, nowMs).Records] }
            : decision with { Records = [committed] };
    }

    /// <summary>
    /// Offsets for the producer's open transaction; whether it has one is the transaction coordinator's to know. Limits are checked here, so that ending the
    /// transaction cannot fail on them.
    /// </summary>
    public OffsetCommitDecision DecideTransactionalOffsetCommit(ProducerIdentity producer, OffsetCommitRequest request, long nowMs)
    {
        if (Offsets.PendingCount(producer.Id) + NewPending(producer.Id, request) > _settings.OffsetsPerTransactionMax)
            return new OffsetCommitDecision { Verdict = GroupVerdict.PolicyViolation };
        var decision = CheckCommit(request, isTransactional: true, out var accepted);
        return accepted.Count == 0 ? decision : decision with { Records = [new TransactionOffsetsWritten(request.Group, producer, nowMs, accepted)] };
    }

    /// <summary>The transaction's decision fell: its pending offsets take effect or are forgotten. No records when it has none.</summary>
    public GroupDecision DecideTransactionEnd(long producerId, bool isCommit) => Offsets.HasPending(producerId)
        ? new GroupDecision { Records = [new TransactionOffsetsEnded(producerId, isCommit)] }
        : GroupDecision.Nothing;

    private OffsetCommitDecision CheckCommit(OffsetCommitRequest request, bool isTransactional, out List<OffsetValue> accepted)
    {
        accepted = [];
        var group = TryGetGroup(request.Group);
        var caller = CommitRules.CheckCaller(group, request, isTransactional, _settings);
        if (caller != GroupVerdict.None)
            return new OffsetCommitDecision { Verdict = caller };
        var verdicts = new GroupVerdict[request.Offsets.Count];
        for (var i = 0; i < verdicts.Length; i++)
        {
            var value = request.Offsets[i];
            verdicts[i] = CommitRules.CheckPartition(group, request, value, _settings);
            if (verdicts[i] == GroupVerdict.None)
                accepted.Add(value);
        }
        if (accepted.Count == verdicts.Length)
            return new OffsetCommitDecision();
        if (!request.AllOrNothing)
            return new OffsetCommitDecision { PartitionVerdicts = verdicts };
        accepted.Clear();
        return new OffsetCommitDecision { Verdict = Array.Find(verdicts, static verdict => verdict != GroupVerdict.None), PartitionVerdicts = verdicts };
    }

    private int NewPending(long producerId, OffsetCommitRequest request)
    {
        Offsets.Pending.TryGetValue(producerId, out var transaction);
        var count = 0;
        foreach (var value in request.Offsets)
        {
            if (transaction is null || !transaction.Contains(request.Group, value.Partition))
                count++;
        }
        return count;
    }

    /// <summary>
    /// The committed offset. With <paramref name="requireStable"/> a partition for which an open transaction holds an offset is answered as unstable: what is
    /// committed may be about to change, and a reader that started from it would process again what the transaction processed.
    /// </summary>
    public FetchedOffset Fetch(string group, PartitionKey partition, bool requireStable)
    {
        var lsn = LsnOf(group);
        if (Offsets.TryGet(group) is not { } offsets)
            return new FetchedOffset(FetchStatus.None, default, lsn);
        if (requireStable && offsets.IsPending(partition))
            return new FetchedOffset(FetchStatus.Unstable, default, lsn);
        return offsets.Committed.TryGetValue(partition, out var stored)
            ? new FetchedOffset(FetchStatus.Value, stored, requireStable ? lsn : stored.Lsn)
            : new FetchedOffset(FetchStatus.None, default, lsn);
    }

    /// <summary>Fetches several at once; the answers are in the order of the partitions.</summary>
    public FetchedOffset[] Fetch(string group, IReadOnlyList<PartitionKey> partitions, bool requireStable)
    {
        var fetched = new FetchedOffset[partitions.Count];
        for (var i = 0; i < fetched.Length; i++)
            fetched[i] = Fetch(group, partitions[i], requireStable);
        return fetched;
    }

    /// <summary>Every partition for which something is committed or pending, ascending: an OffsetFetch that names none.</summary>
    public IReadOnlyList<PartitionKey> PartitionsWithOffsets(string group)
    {
        if (Offsets.TryGet(group) is not { } offsets)
            return [];
        var partitions = new SortedSet<PartitionKey>(offsets.Committed.Keys);
        partitions.UnionWith(offsets.PendingCounts.Keys);
        return [.. partitions];
    }

    /// <summary>Whether the member, if the caller names one, may start from the group's offsets.</summary>
    public GroupVerdict CheckFetch(string group, string memberId, int memberEpoch) =>
        CommitRules.CheckFetch(TryGetGroup(group), memberId, memberEpoch);

    /// <summary>Deletes a group without members, its offsets and the pending ones of open transactions.</summary>
    public GroupDecision DecideDeleteGroup(string group)
    {
        if (TryGetGroup(group) is not { } entry)
            return new GroupDecision { Verdict = GroupVerdict.GroupIdNotFound };
        return entry.HasMembers
            ? new GroupDecision { Verdict = GroupVerdict.NonEmptyGroup }
            : new GroupDecision { Records = [new GroupDeleted(group)] };
    }

    /// <summary>Deletes offsets of topics that no member reads.</summary>
    public OffsetCommitDecision DecideDeleteOffsets(string group, IReadOnlyList<PartitionKey> partitions)
    {
        if (TryGetGroup(group) is not { } entry)
            return new OffsetCommitDecision { Verdict = GroupVerdict.GroupIdNotFound };
        var verdicts = new GroupVerdict[partitions.Count];
        var deleted = new List<PartitionKey>();
        for (var i = 0; i < verdicts.Length; i++)
        {
            if (IsRead(entry, partitions[i].Topic))
                verdicts[i] = GroupVerdict.GroupSubscribedToTopic;
            else
                deleted.Add(partitions[i]);
        }
        return new OffsetCommitDecision
        {
            PartitionVerdicts = deleted.Count == verdicts.Length ? [] : verdicts,
            Records = deleted.Count == 0 ? [] : [new OffsetsDeleted(group, deleted)],
        };
    }

    private static bool IsRead(GroupEntry group, int topic) => group.Kind switch
    {
        GroupKind.Classic => !group.Classic.IsKnownToIgnore(topic),
        GroupKind.Consumer => group.Consumer!.IsSubscribed(topic),
        _ => false,
    };

    /// <summary>Offsets nobody has needed for the retention time, and groups that are left without anything.</summary>
    public GroupDecision DecideExpiry(long nowMs)
    {
        var records = new List<GroupRecord>();
        foreach (var group in _groups.Values)
        {
            var keepsOffsets = false;
            if (Offsets.TryGet(group.Id) is { } offsets)
            {
                var expired = OffsetExpiry.Expired(group, offsets, _settings.OffsetRetentionMs, nowMs);
                if (expired.Count > 0)
                    records.Add(new OffsetsDeleted(group.Id, expired));
                keepsOffsets = expired.Count < offsets.Committed.Count || offsets.PendingCounts.Count > 0;
            }
            if (OffsetExpiry.IsForgettable(group, keepsOffsets, _settings.OffsetRetentionMs, nowMs))
                records.Add(new GroupDeleted(group.Id));
        }
        return new GroupDecision { Records = records };
    }
}
