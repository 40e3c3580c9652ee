using System.Diagnostics.CodeAnalysis;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

internal sealed partial class TransactionCoordinatorState
{
    /// <summary>
    /// Makes partitions part of the id's transaction, opening one when none is open. V1: AddPartitionsToTxn; V2 and in process: with the first batch, in the
    /// same frame. Everything is added or nothing.
    /// </summary>
    public TransactionDecision DecideEnrol(
        string transactionalId, ProducerIdentity identity, ReadOnlySpan<PartitionKey> partitions, in TransactionClient client, long nowMs)
    {
        if (!IsHolder(transactionalId, identity, client, out var entry, out var refused))
            return refused;
        var missing = Missing(entry, partitions);
        if (missing.Length == 0)
            return TransactionDecision.Nothing;
        if (entry.Partitions.Count + missing.Length > Rules.PartitionsPerTransactionMax)
            return OverLimit(entry, identity, "the transaction has as many partitions as it may have");
        return Enrolled(entry, client.Generation, missing, [], nowMs);
    }

    /// <summary>Notes that the transaction holds pending offsets of <paramref name="group"/>.</summary>
    public TransactionDecision DecideEnrolGroup(string transactionalId, ProducerIdentity identity, string group, in TransactionClient client, long nowMs)
    {
        if (!TransactionText.IsName(group))
            return new TransactionDecision { Verdict = TransactionVerdict.InvalidRequest };
        if (!IsHolder(transactionalId, identity, client, out var entry, out var refused))
            return refused;
        if (entry.ContainsGroup(group))
            return TransactionDecision.Nothing;
        if (entry.Groups.Count >= Rules.GroupsPerTransactionMax)
            return OverLimit(entry, identity, "the transaction has as many groups as it may have");
        return Enrolled(entry, client.Generation, [], [group], nowMs);
    }

    /// <summary>
    /// Whether a partition is part of the id's transaction, changing nothing (AddPartitionsToTxn v4 with verifyOnly): None, or TransactionAbortable when it is
    /// not.
    /// </summary>
    public TransactionDecision DecideVerify(string transactionalId, ProducerIdentity identity, PartitionKey partition, in TransactionClient client)
    {
        if (!IsKnown(transactionalId, identity, out var entry, out var refused))
            return refused;
        var verdict = JudgeIdentity(entry, identity, TransactionVerdict.ProducerFenced);
        if (verdict == TransactionVerdict.None)
            verdict = JudgeState(entry.State);
        if (verdict == TransactionVerdict.None && !entry.Contains(partition))
            verdict = TransactionVerdict.TransactionAbortable;
        return verdict == TransactionVerdict.None ? TransactionDecision.Nothing : Refuse(verdict, entry, identity, client);
    }

    /// <summary>
    /// The same for a group: whether the transaction may hold pending offsets of it (TxnOffsetCommit of V1, which asks for AddOffsetsToTxn first).
    /// </summary>
    public TransactionDecision DecideVerifyGroup(string transactionalId, ProducerIdentity identity, string group, in TransactionClient client)
    {
        if (!IsHolder(transactionalId, identity, client, out var entry, out var refused))
            return refused;
        return entry.ContainsGroup(group) ? TransactionDecision.Nothing : Refuse(TransactionVerdict.TransactionAbortable, entry, identity, client);
    }

    // The order of the checks is Kafka's. What V2 clients do here they do by producing, where an old epoch is told as INVALID_PRODUCER_EPOCH.
    private bool IsHolder(
        string transactionalId, ProducerIdentity identity, in TransactionClient client,
        [NotNullWhen(true)] out TransactionEntry? entry, [NotNullWhen(false)] out TransactionDecision? refused)
    {
        if (!IsKnown(transactionalId, identity, out entry, out refused))
            return false;
        var oldEpoch = client.Generation == TransactionGeneration.V1 ? TransactionVerdict.ProducerFenced : TransactionVerdict.InvalidProducerEpoch;
        var verdict = JudgeIdentity(entry, identity, oldEpoch);
        if (verdict == TransactionVerdict.None)
            verdict = JudgeState(entry.State);
        if (verdict != TransactionVerdict.None)
            refused = Refuse(verdict, entry, identity, client);
        return refused is null;
    }

    private bool IsKnown(
        string transactionalId, ProducerIdentity identity,
        [NotNullWhen(true)] out TransactionEntry? entry, [NotNullWhen(false)] out TransactionDecision? refused)
    {
        entry = null;
        refused = null;
        if (string.IsNullOrEmpty(transactionalId))
            refused = new TransactionDecision { Verdict = TransactionVerdict.InvalidRequest };
        else if (!_entries.TryGetValue(transactionalId, out entry))
            refused = NotKnown(identity);
        return entry is not null;
    }

    /// <summary>Behind its end, and behind the first phase of one, a transaction takes nothing more in.</summary>
    private static TransactionVerdict JudgeState(TransactionState state) => state switch
    {
        TransactionState.PrepareCommit or TransactionState.PrepareAbort => TransactionVerdict.ConcurrentTransactions,
        TransactionState.Prepared => TransactionVerdict.InvalidTransactionState,
        _ => TransactionVerdict.None,
    };

    /// <summary>Strict equality: a higher epoch than the current one is as wrong as a lower one.</summary>
    private static TransactionVerdict JudgeIdentity(TransactionEntry entry, ProducerIdentity identity, TransactionVerdict otherEpoch)
    {
        if (identity.Id != entry.Identity.Id)
            return TransactionVerdict.InvalidProducerIdMapping;
        return identity.Epoch == entry.Identity.Epoch ? TransactionVerdict.None : otherEpoch;
    }

    private static PartitionKey[] Missing(TransactionEntry entry, ReadOnlySpan<PartitionKey> partitions)
    {
        if (partitions.Length == 1)
            return entry.Contains(partitions[0]) ? [] : [partitions[0]];
        var missing = new SortedSet<PartitionKey>();
        foreach (var partition in partitions)
            if (!entry.Contains(partition))
                missing.Add(partition);
        return [.. missing];
    }

    private static TransactionDecision Enrolled(
        TransactionEntry entry, TransactionGeneration generation, PartitionKey[] partitions, string[] groups, long nowMs) => new()
        {
            Records = [new EnrolmentRecord(entry.TransactionalId, entry.Identity, generation, partitions, groups, nowMs)],
        };

    private static TransactionDecision OverLimit(TransactionEntry entry, ProducerIdentity identity, string why) => new()
    {
        Verdict = TransactionVerdict.TransactionAbortable,
        Refusal = new TransactionRefusal(
            TransactionVerdict.TransactionAbortable, identity, RememberedOutcome.Unknown with { Why = why },
            entry.Identity, entry.Current.Owner, entry.Current.OwnedSinceMs),
    };
}
