using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

internal sealed partial class TransactionCoordinatorState
{
    /// <summary>
    /// Gives a transactional id's identity to a client. Without an expectation the client is a new instance: every older one is fenced, and the transaction it
    /// left open is aborted in the same step. With one, only the incarnation that holds the id, or the one whose answer was lost, gets a newer epoch.
    /// </summary>
    public TransactionDecision DecideInitProducer(in InitProducerCommand command, long nowMs)
    {
        var wrong = JudgeRequest(command);
        if (wrong != TransactionVerdict.None)
            return new TransactionDecision { Verdict = wrong };
        if (!_entries.TryGetValue(command.TransactionalId, out var entry))
            return Create(command, nowMs);
        if (!IsOwnProducerId(entry.Current, command.Expected))
            return Refuse(TransactionVerdict.ProducerFenced, entry, command.Expected, command.Client);
        return entry.State switch
        {
            TransactionState.PrepareCommit or TransactionState.PrepareAbort =>
                Refuse(TransactionVerdict.ConcurrentTransactions, entry, command.Expected, command.Client),
            TransactionState.Prepared => TakeOverPrepared(entry, command, nowMs),
            TransactionState.Ongoing => TakeOverOngoing(entry, command, nowMs),
            _ => TakeOverIdle(entry, command, nowMs),
        };
    }

    private TransactionVerdict JudgeRequest(in InitProducerCommand command)
    {
        if (!TransactionText.IsName(command.TransactionalId) || (command.Expected.Id < 0) != (command.Expected.Epoch < 0))
            return TransactionVerdict.InvalidRequest;
        if (command.TwoPhase && !Rules.TwoPhaseCommit)
            return TransactionVerdict.TransactionalIdAuthorizationFailed;
        if (command.KeepPrepared && Rules.StrictKafka)
            return TransactionVerdict.UnsupportedVersion;
        if (!command.TwoPhase && (command.TimeoutMs <= 0 || command.TimeoutMs > Rules.TimeoutMaxMs))
            return TransactionVerdict.InvalidTransactionTimeout;
        return TransactionVerdict.None;
    }

    /// <summary>The previous producer id counts while an answer that rotated it may be lost (Kafka: isValidProducerId).</summary>
    private static bool IsOwnProducerId(EntryRecord current, ProducerIdentity expected) =>
        expected.IsNone || expected.Id == current.Identity.Id || (expected.Id == current.PreviousId && expected.IsExhausted);

    private TransactionDecision Create(in InitProducerCommand command, long nowMs)
    {
        var records = new List<TransactionRecord>(2);
        if (_tombstones.TryGetValue(command.TransactionalId, out var tombstone))
        {
            var expired = NewEntry(command, tombstone.Identity, nowMs);
            if (!IdentityClaim.TryMake(expired, command.Expected, out var claim))
                return new TransactionDecision
                {
                    Verdict = TransactionVerdict.ProducerFenced,
                    Refusal = new TransactionRefusal(
                        TransactionVerdict.ProducerFenced, command.Expected, RememberedOutcome.Unknown, tombstone.Identity, RememberedOutcome.Broker, tombstone.AtMs),
                };
            return Taken(Claim(expired, claim, command, nowMs, records), records, null);
        }
        return Taken(NewEntry(command, new ProducerIdentity(TakeProducerId(records), 0), nowMs), records, null);
    }

    private static EntryRecord NewEntry(in InitProducerCommand command, ProducerIdentity identity, long nowMs) => new()
    {
        TransactionalId = command.TransactionalId,
        Identity = identity,
        State = TransactionState.Empty,
        Generation = command.Client.Generation,
        TimeoutMs = Timeout(command),
        UpdateMs = nowMs,
        OwnerKind = command.Client.Kind,
        Owner = TransactionText.Owner(command.Client.Name),
        OwnedSinceMs = nowMs,
    };

    private TransactionDecision TakeOverIdle(TransactionEntry entry, in InitProducerCommand command, long nowMs)
    {
        if (!IdentityClaim.TryMake(entry.Current, command.Expected, out var claim))
            return Refuse(TransactionVerdict.ProducerFenced, entry, command.Expected, command.Client);
        var records = new List<TransactionRecord>(2);
        return Taken(Claim(entry.Current, claim, command, nowMs, records), records, entry.Outcomes.Newest);
    }

    // An expectation with an older epoch is judged before anything is aborted: else a zombie that still knows the producer id could end the live incarnation's
    // transaction (Kafka checks the producer id only; strict mode does the same).
    private TransactionDecision TakeOverOngoing(TransactionEntry entry, in InitProducerCommand command, long nowMs)
    {
        if (command.KeepPrepared && entry.Current.IsTwoPhase)
            return Keep(entry, EntryTransitions.Hold(entry.Current, nowMs), command, nowMs);
        var asKafka = Rules.StrictKafka && command.Client.Kind == OwnerKind.Network;
        if (!asKafka && !command.Expected.IsNone && command.Expected != entry.Identity)
            return Refuse(TransactionVerdict.ProducerFenced, entry, command.Expected, command.Client);

        var records = new List<TransactionRecord>(6);
        var outcome = command.Expected == entry.Identity ? TransactionOutcome.Aborted : TransactionOutcome.Fenced;
        var why = outcome == TransactionOutcome.Fenced ? "a newer producer took over the transactional id" : "the producer started anew";
        var aborted = Abort(entry, new RememberedOutcome(entry.Identity, outcome, nowMs, TransactionText.Owner(command.Client.Name), why), nowMs, records);
        var markers = Markers(entry, aborted);
        if (asKafka)
            return new TransactionDecision
            {
                Verdict = TransactionVerdict.ConcurrentTransactions,
                Markers = markers,
                Records = records.ToArray(),
                NeedsComplete = true,
            };

        var idle = EntryTransitions.Complete(aborted, nowMs);
        records.Add(idle);
        if (!IdentityClaim.TryMake(idle, command.Expected, out var claim))
            throw new InvalidOperationException($"'{entry.TransactionalId}' was aborted for {command.Expected} and then did not know it.");
        return Taken(Claim(idle, claim, command, nowMs, records), records, ((OutcomeRecord)records.Find(record => record is OutcomeRecord)!).Outcome, markers);
    }

    // A prepared transaction is a promise to somebody outside: only its token, an operator, or the one who takes it over may decide it.
    private TransactionDecision TakeOverPrepared(TransactionEntry entry, in InitProducerCommand command, long nowMs)
    {
        if (command.KeepPrepared)
            return Keep(entry, entry.Current, command, nowMs);
        return Refuse(TransactionVerdict.TransactionPrepared, entry, command.Expected, command.Client);
    }

    // The new instance gets a new epoch, which fences the older one; the transaction keeps the identity that wrote it. At the last epoch there is none to give:
    // two instances with one identity would be worse than waiting for the token.
    private TransactionDecision Keep(TransactionEntry entry, EntryRecord prepared, in InitProducerCommand command, long nowMs)
    {
        if (!IdentityClaim.TryMake(prepared, command.Expected, out var claim))
            return Refuse(TransactionVerdict.ProducerFenced, entry, command.Expected, command.Client);
        if (claim.Rotates)
            return Refuse(TransactionVerdict.TransactionPrepared, entry, command.Expected, command.Client);
        var kept = Claim(prepared, claim, command, nowMs, []) with { State = TransactionState.Prepared, StartMs = prepared.StartMs };
        return new TransactionDecision
        {
            Identity = kept.Identity,
            Records = [kept],
            Sealed = entry.State == TransactionState.Prepared ? [] : entry.CopyPartitions(),
            PreparedToken = Token(kept),
            LastOutcome = entry.Outcomes.Newest,
        };
    }

    private EntryRecord Claim(EntryRecord idle, IdentityClaim claim, in InitProducerCommand command, long nowMs, List<TransactionRecord> records) => idle with
    {
        State = TransactionState.Empty,
        Identity = claim.Rotates ? new ProducerIdentity(TakeProducerId(records), 0) : claim.Identity,
        LastEpoch = claim.LastEpoch,
        PreviousId = claim.Rotates ? idle.Identity.Id : idle.PreviousId,
        Generation = command.Client.Generation,
        TimeoutMs = Timeout(command),
        StartMs = EntryRecord.NoTime,
        UpdateMs = nowMs,
        OwnerKind = command.Client.Kind,
        Owner = TransactionText.Owner(command.Client.Name),
        OwnedSinceMs = command.Expected.IsNone ? nowMs : idle.OwnedSinceMs,
    };

    private static int Timeout(in InitProducerCommand command) => command.TwoPhase ? EntryRecord.NoTimeout : command.TimeoutMs;

    private static TransactionDecision Taken(
        EntryRecord target, List<TransactionRecord> records, RememberedOutcome? lastOutcome, TransactionMarkers? markers = null)
    {
        records.Add(target);
        return new TransactionDecision { Identity = target.Identity, Records = records.ToArray(), Markers = markers, LastOutcome = lastOutcome };
    }
}
