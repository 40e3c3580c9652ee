using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

internal sealed partial class TransactionCoordinatorState
{
    /// <summary>
    /// First phase: the transaction, be it empty, is held until its token is resolved, the client ends it, or an operator aborts it; it never times out, and
    /// takes nothing more in.
    /// Repeating the call answers the same token.
    /// </summary>
    public TransactionDecision DecidePrepare(string transactionalId, ProducerIdentity identity, in TransactionClient client, long nowMs)
    {
        if (!IsKnown(transactionalId, identity, out var entry, out var refused))
            return refused;
        var verdict = JudgeIdentity(entry, identity, TransactionVerdict.ProducerFenced);
        if (verdict == TransactionVerdict.None && entry.State.IsEnding())
            verdict = TransactionVerdict.ConcurrentTransactions;
        if (verdict != TransactionVerdict.None)
            return Refuse(verdict, entry, identity, client);
        if (entry.State == TransactionState.Prepared)
            return new TransactionDecision { Identity = identity, PreparedToken = Token(entry.Current) };
        var held = EntryTransitions.Hold(entry.Current, nowMs);
        return new TransactionDecision { Identity = identity, Records = [held], Sealed = entry.CopyPartitions(), PreparedToken = Token(held) };
    }

    /// <summary>
    /// Second phase, from anywhere, any number of times: None when the transaction is, or is already, as asked; InvalidTransactionState with the outcome when
    /// it was decided the other way or was never prepared; NotFound when nobody remembers it. A producer that lives on continues with
    /// <see cref="TransactionDecision.Identity"/>.
    /// </summary>
    public TransactionDecision DecideResolve(string token, bool commit, in TransactionClient client, long nowMs)
    {
        if (!PreparedToken.TryParse(token, out var transactionalId, out var transaction))
            return new TransactionDecision { Verdict = TransactionVerdict.InvalidRequest };
        if (!_entries.TryGetValue(transactionalId, out var entry))
            return new TransactionDecision { Verdict = TransactionVerdict.NotFound };
        if (entry.State == TransactionState.Prepared && entry.Current.PreparedIdentity == transaction)
        {
            var outcome = commit ? TransactionOutcome.Committed : TransactionOutcome.Aborted;
            return Decided(entry, TransactionGeneration.V2, new RememberedOutcome(transaction, outcome, nowMs, TransactionText.Owner(client.Name), "resolved by token"), nowMs);
        }
        var remembered = entry.FindOutcome(transaction);
        if (remembered is null)
            return new TransactionDecision { Verdict = TransactionVerdict.NotFound };
        if (remembered.Outcome != TransactionOutcome.Open && remembered.IsCommit == commit)
            return TransactionDecision.Nothing;
        return Told(TransactionVerdict.InvalidTransactionState, entry, transaction);
    }

    /// <summary>The transactions that wait for their decision, the oldest first.</summary>
    public IReadOnlyList<PreparedEntry> ListPrepared()
    {
        var prepared = new List<PreparedEntry>();
        foreach (var entry in InOrder())
            if (entry.State == TransactionState.Prepared)
                prepared.Add(new PreparedEntry(Token(entry.Current), entry.TransactionalId, entry.Current.PreparedMs, entry.CopyPartitions()));
        prepared.Sort(static (left, right) => left.PreparedMs != right.PreparedMs
            ? left.PreparedMs.CompareTo(right.PreparedMs)
            : string.CompareOrdinal(left.TransactionalId, right.TransactionalId));
        return prepared;
    }

    private static string Token(EntryRecord prepared) => PreparedToken.Format(prepared.TransactionalId, prepared.PreparedIdentity);
}
