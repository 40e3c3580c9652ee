using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

internal sealed partial class TransactionCoordinatorState
{
    /// <summary>
    /// The ids whose open transaction is older than its timeout, counted from its first enrolment; the oldest deadline first. Prepared and two-phase ones never
    /// are.
    /// </summary>
    public IReadOnlyList<string> DecideTimeouts(long nowMs)
    {
        var due = new List<TransactionEntry>();
        foreach (var entry in _ongoing)
            if (IsTooOld(entry.Current, nowMs))
                due.Add(entry);
        due.Sort(static (left, right) => left.Current.DeadlineMs != right.Current.DeadlineMs
            ? left.Current.DeadlineMs.CompareTo(right.Current.DeadlineMs)
            : string.CompareOrdinal(left.TransactionalId, right.TransactionalId));
        return due.ConvertAll(static entry => entry.TransactionalId);
    }

    /// <summary>The last millisecond at which no open transaction is too old; <see cref="long.MaxValue"/> when nothing can time out.</summary>
    public long EarliestDeadlineMs()
    {
        var earliest = long.MaxValue;
        foreach (var entry in _ongoing)
            earliest = Math.Min(earliest, entry.Current.DeadlineMs);
        return earliest;
    }

    /// <summary>
    /// The broker ends a transaction: by the engine's own generation, V2, whatever its client's. A timed-out producer may abort and go on with the next epoch;
    /// a fenced one is two epochs behind and never heard again. TimedOut is judged again here, because a younger transaction may have taken the old one's
    /// place.
    /// </summary>
    public TransactionDecision DecideAbort(string transactionalId, AbortReason reason, string by, long nowMs)
    {
        if (!_entries.TryGetValue(transactionalId, out var entry))
            return new TransactionDecision { Verdict = TransactionVerdict.NotFound };
        if (entry.State.IsEnding())
            return new TransactionDecision { Verdict = TransactionVerdict.ConcurrentTransactions };
        if (!MayAbort(entry, reason, nowMs))
            return new TransactionDecision { Verdict = TransactionVerdict.InvalidTransactionState };
        if (reason == AbortReason.TimedOut)
            return Decided(entry, TransactionGeneration.V2, new RememberedOutcome(entry.Identity, TransactionOutcome.TimedOut, nowMs, TransactionText.Owner(by), TimeoutText(entry.Current)), nowMs, forHolder: false);
        return Fence(entry, reason, TransactionText.Owner(by), nowMs);
    }

    private static bool MayAbort(TransactionEntry entry, AbortReason reason, long nowMs) => reason switch
    {
        AbortReason.TimedOut => entry.State == TransactionState.Ongoing && IsTooOld(entry.Current, nowMs),
        AbortReason.Operator => entry.State.IsOpen(),
        _ => entry.State != TransactionState.Prepared,
    };

    private static bool IsTooOld(EntryRecord ongoing, long nowMs) => ongoing.DeadlineMs < nowMs;

    private static string TimeoutText(EntryRecord ongoing) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"it was open for longer than its timeout of {ongoing.TimeoutMs} ms");

    private TransactionDecision Fence(TransactionEntry entry, AbortReason reason, string by, long nowMs)
    {
        var records = new List<TransactionRecord>(6);
        var idle = entry.Current;
        TransactionMarkers? markers = null;
        if (entry.State.IsOpen())
        {
            var why = reason == AbortReason.Operator ? "an operator aborted it" : "the transactional id was fenced";
            var aborted = Abort(entry, new RememberedOutcome(entry.Current.Transaction, TransactionOutcome.Fenced, nowMs, by, why), nowMs, records);
            markers = Markers(entry, aborted);
            idle = EntryTransitions.Complete(aborted, nowMs);
            records.Add(idle);
        }
        records.Add(Bump(idle, by, nowMs, records));
        return new TransactionDecision { Markers = markers, Records = records.ToArray() };
    }

    /// <summary>Takes the id from whoever holds it and gives it to nobody.</summary>
    private EntryRecord Bump(EntryRecord idle, string by, long nowMs, List<TransactionRecord> records)
    {
        var rotates = idle.Identity.IsExhausted;
        return idle with
        {
            State = TransactionState.Empty,
            Identity = rotates ? new ProducerIdentity(TakeProducerId(records), 0) : idle.Identity with { Epoch = (short)(idle.Identity.Epoch + 1) },
            LastEpoch = ProducerIdentity.NoEpoch,
            PreviousId = rotates ? idle.Identity.Id : idle.PreviousId,
            StartMs = EntryRecord.NoTime,
            UpdateMs = nowMs,
            Owner = by,
            OwnedSinceMs = nowMs,
        };
    }

    /// <summary>
    /// What a restart ends: open transactions of producers that died with the process, and those that were decided and not completed (their markers are written
    /// again). Network clients' open transactions and prepared ones stay. Apply each decision, with its completion, before new work is accepted.
    /// </summary>
    public IReadOnlyList<TransactionDecision> DecideAfterRestart(long nowMs)
    {
        var decisions = new List<TransactionDecision>();
        foreach (var entry in InOrder())
        {
            if (entry.State.IsEnding())
                decisions.Add(new TransactionDecision { Markers = Markers(entry, entry.Current), NeedsComplete = true });
            else if (entry.State == TransactionState.Ongoing && entry.Current.OwnerKind == OwnerKind.InProcess)
                decisions.Add(Decided(entry, TransactionGeneration.V2, new RememberedOutcome(
                    entry.Identity, TransactionOutcome.Aborted, nowMs, RememberedOutcome.Broker, "its process ended before it was committed"), nowMs, forHolder: false));
        }
        return decisions;
    }

    /// <summary>The abort as part of a longer chain of records; answers the image to go on from.</summary>
    private EntryRecord Abort(TransactionEntry entry, RememberedOutcome outcome, long nowMs, List<TransactionRecord> records)
    {
        var nextId = entry.Identity.IsExhausted ? TakeProducerId(records) : ProducerIdentity.NoId;
        var aborted = EntryTransitions.Prepare(entry.Current, commit: false, TransactionGeneration.V2, nextId, nowMs);
        records.Add(aborted);
        records.Add(new OutcomeRecord(entry.TransactionalId, outcome));
        return aborted;
    }

    private List<TransactionEntry> InOrder()
    {
        var entries = new List<TransactionEntry>(_entries.Values);
        entries.Sort(static (left, right) => string.CompareOrdinal(left.TransactionalId, right.TransactionalId));
        return entries;
    }
}
