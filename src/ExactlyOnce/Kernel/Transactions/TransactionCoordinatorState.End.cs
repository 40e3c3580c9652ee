using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

internal sealed partial class TransactionCoordinatorState
{
    /// <summary>
    /// EndTxn. The decision names the transaction it ends by its epoch (V2), so a delayed one can never end the next; a retried one is answered again. Its
    /// records are the commit point; <see cref="DecideComplete"/> follows when <see cref="TransactionDecision.NeedsComplete"/>.
    /// </summary>
    public TransactionDecision DecideEnd(string transactionalId, ProducerIdentity identity, bool commit, in TransactionClient client, long nowMs)
    {
        if (!IsKnown(transactionalId, identity, out var entry, out var refused))
            return refused;
        if (identity.Id != entry.Identity.Id && !(client.Generation == TransactionGeneration.V2 && IsOverflowRetry(entry.Current, identity)))
            return Refuse(TransactionVerdict.InvalidProducerIdMapping, entry, identity, client);
        switch (AnswerEnd(entry.Current, identity, commit, client.Generation))
        {
            case EndAnswer.End or EndAnswer.EndEmpty:
                var outcome = commit ? TransactionOutcome.Committed : TransactionOutcome.Aborted;
                return Decided(entry, client.Generation, new RememberedOutcome(entry.Current.Transaction, outcome, nowMs, TransactionText.Owner(client.Name), ""), nowMs);
            case EndAnswer.Retried:
                return new TransactionDecision { Identity = entry.Identity };
            case EndAnswer.Concurrent:
                return Refuse(TransactionVerdict.ConcurrentTransactions, entry, identity, client);
            case EndAnswer.InvalidState:
                return Refuse(TransactionVerdict.InvalidTransactionState, entry, identity, client);
            default:
                return Refuse(TransactionVerdict.ProducerFenced, entry, identity, client);
        }
    }

    /// <summary>
    /// The markers are written: the id is idle again and its next identity holds. NotFound, or InvalidTransactionState when nothing was decided.
    /// </summary>
    public TransactionDecision DecideComplete(string transactionalId, long nowMs)
    {
        if (!_entries.TryGetValue(transactionalId, out var entry))
            return new TransactionDecision { Verdict = TransactionVerdict.NotFound };
        if (!entry.State.IsEnding())
            return new TransactionDecision { Verdict = TransactionVerdict.InvalidTransactionState };
        var complete = EntryTransitions.Complete(entry.Current, nowMs);
        return new TransactionDecision { Identity = complete.Identity, Records = [complete] };
    }

    private static EndAnswer AnswerEnd(EntryRecord current, ProducerIdentity identity, bool commit, TransactionGeneration generation)
    {
        if (generation == TransactionGeneration.V2)
            return EndTable.V2(current.State, commit, Relation(current, identity));
        return identity.Epoch == current.Identity.Epoch ? EndTable.V1(current.State, commit) : EndAnswer.Fenced;
    }

    private static EpochKind Relation(EntryRecord current, ProducerIdentity identity)
    {
        if (identity == current.Identity)
            return EpochKind.Current;
        return EndedByRetry(current, identity) ? EpochKind.Retry : EpochKind.Other;
    }

    /// <summary>The identity is the one before the bump of the last V2 end. After a V1 end the epoch below is an older incarnation's.</summary>
    private static bool EndedByRetry(EntryRecord current, ProducerIdentity identity) =>
        current.Generation == TransactionGeneration.V2 &&
        ((identity.Id == current.Identity.Id && identity.Epoch + 1 == current.Identity.Epoch) || IsOverflowRetry(current, identity));

    /// <summary>The lost answer rotated the producer id: the client still presents the last identity of the previous one.</summary>
    private static bool IsOverflowRetry(EntryRecord current, ProducerIdentity identity) =>
        current.Generation == TransactionGeneration.V2 && identity.Id == current.PreviousId && identity.IsExhausted &&
        identity.Epoch == current.LastEpoch && current.Identity.Epoch == 0;

    /// <summary>
    /// The records that decide the entry's transaction, and its markers. Who did not ask for the end, <paramref name="forHolder"/> false, has to ask for the
    /// next identity.
    /// </summary>
    private TransactionDecision Decided(TransactionEntry entry, TransactionGeneration generation, RememberedOutcome outcome, long nowMs, bool forHolder = true)
    {
        ProducerIdBlockRecord? block = null;
        var rotates = generation == TransactionGeneration.V2 && entry.Identity.IsExhausted;
        var nextId = rotates ? _producerIds.Take(out block) : ProducerIdentity.NoId;
        var decided = EntryTransitions.Prepare(entry.Current, outcome.IsCommit, generation, nextId, nowMs);
        var next = rotates ? new ProducerIdentity(nextId, 0) : decided.Identity;
        var remembered = new OutcomeRecord(entry.TransactionalId, outcome);
        return new TransactionDecision
        {
            Identity = forHolder ? next : ProducerIdentity.None,
            Markers = Markers(entry, decided),
            Records = block is null ? [decided, remembered] : [block, decided, remembered],
            NeedsComplete = true,
        };
    }

    private static TransactionMarkers Markers(TransactionEntry entry, EntryRecord decided) => new(
        entry.TransactionalId, decided.Identity, decided.State == TransactionState.PrepareCommit, decided.Generation, entry.CopyPartitions(), entry.CopyGroups());
}
