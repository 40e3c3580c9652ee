using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

internal sealed partial class TransactionCoordinatorState
{
    /// <summary>
    /// The commit of a transaction that brings its last partitions and groups along: what <see cref="DecideEnrol"/>, <see cref="DecideEnrolGroup"/>,
    /// <see cref="DecideEnd"/> and <see cref="DecideComplete"/> would decide one after the other for a client of generation 2, in one record. Not allowed where
    /// one of them would refuse.
    /// </summary>
    public CommitDecision DecideCommit(
        TransactionEntry entry, ProducerIdentity identity, ReadOnlySpan<PartitionKey> partitions, ReadOnlySpan<string> groups, in TransactionClient client, long nowMs)
    {
        foreach (var group in groups)
            if (!TransactionText.IsName(group))
                return default;
        if (client.Generation != TransactionGeneration.V2 || entry.Identity != identity || !TransactionState.Ongoing.MayFollow(entry.State) || !HasRoomFor(entry, partitions, groups))
            return default;
        ProducerIdBlockRecord? block = null;
        var nextId = identity.IsExhausted ? _producerIds.Take(out block) : ProducerIdentity.NoId;
        var marked = EntryTransitions.Bumped(identity);
        return new CommitDecision(
            new CommitRecord(entry.TransactionalId, identity, nextId, TransactionText.Owner(client.Name), nowMs), block, marked, nextId >= 0 ? new ProducerIdentity(nextId, 0) : marked);
    }

    private bool HasRoomFor(TransactionEntry entry, ReadOnlySpan<PartitionKey> partitions, ReadOnlySpan<string> groups)
    {
        var (partitionCount, groupCount) = (entry.Partitions.Count, entry.Groups.Count);
        foreach (var partition in partitions)
            if (!entry.Contains(partition))
                partitionCount++;
        foreach (var group in groups)
            if (!entry.ContainsGroup(group))
                groupCount++;
        return partitionCount <= Rules.PartitionsPerTransactionMax && groupCount <= Rules.GroupsPerTransactionMax;
    }
}

/// <summary>A commit that may be carried out; without a record it may not.</summary>
/// <param name="Record">What is applied.</param>
/// <param name="Block">Applied before it; the block of the producer id that takes over.</param>
/// <param name="Marked">The identity in the markers: of the bumped epoch.</param>
/// <param name="Next">The identity of the next transaction.</param>
internal readonly record struct CommitDecision(CommitRecord? Record, ProducerIdBlockRecord? Block, ProducerIdentity Marked, ProducerIdentity Next)
{
    public bool IsAllowed => Record is not null;
}
