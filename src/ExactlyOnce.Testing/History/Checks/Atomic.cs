using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I9, atomic: for each t all of W(t) is visible and all of O(t) applied, or none, in every final state and in every snapshot read, also after a crash;
/// and t is decided once. A missing record is its case when one effect of t was seen and its commit was not acknowledged; offsets that lag behind records
/// that were seen are found by <see cref="OffsetsRegister"/>.
/// </summary>
internal sealed class Atomic(HistoryTables tables, Report report) : IAbsenceCheck, IReadCheck, IFateCheck
{
    private readonly HashSet<int> _reported = [];

    public bool Judges(Reading reading, long offset, int row)
    {
        if (tables.TransactionOfRow(row) is not { SeenAt: >= 0, IsCommitted: false } transaction)
            return false;
        AddTorn(transaction, row, reading);
        return true;
    }

    /// <summary>
    /// A snapshot: who sees one write of a transaction sees those in the other partitions, unless a foreign open transaction holds it back there.
    /// </summary>
    public void Answered(RunningCall call, IReadOnlyList<Reading> readings)
    {
        if (call.Invoked.Call is not (Scan { IsSnapshot: true, IsCommitted: true } or Poll { IsSnapshot: true, IsCommitted: true }) || readings.Count < 2)
            return;
        TransactionRow? last = null;
        foreach (var row in readings.SelectMany(reading => reading.Rows))
        {
            if (row < 0 || tables.TransactionOfRow(row) is not { } transaction || transaction == last)
                continue;
            last = transaction;
            if (!_reported.Contains(transaction.Index))
                FindHidden(transaction, readings);
        }
    }

    public void Seen(TransactionRow transaction)
    {
        if (transaction.MissedAt >= 0 && !transaction.IsCommitted && !tables.Writes[transaction.MissedRow].Is(WriteTraits.Reported))
            AddTorn(transaction, transaction.MissedRow, null);
    }

    public void Committed(TransactionRow transaction)
    {
        if (transaction.AbortedAt >= 0)
            AddBoth(transaction);
    }

    public void Aborted(TransactionRow transaction)
    {
        if (transaction.IsCommitted)
            AddBoth(transaction);
    }

    private void FindHidden(TransactionRow transaction, IReadOnlyList<Reading> readings)
    {
        foreach (var row in transaction.Rows)
        {
            ref var write = ref tables.Writes[row];
            if (write.Offset < 0 || write.Is(WriteTraits.Reported | WriteTraits.Failed) || tables.IsLost(row))
                continue;
            foreach (var reading in readings)
            {
                if (reading.Log != tables.Writes.LogOf(row) || write.Offset < reading.Part.Limit || reading.Log.IsDeleted || IsHeldBackByOthers(reading, transaction))
                    continue;
                AddTorn(transaction, row, reading);
                return;
            }
        }
    }

    private bool IsHeldBackByOthers(Reading reading, TransactionRow transaction)
    {
        foreach (var other in tables.Unsettled())
        {
            if (other != transaction && other.OverAt >= reading.Call.At
                && other.Rows.Exists(row => tables.Writes.LogOf(row) == reading.Log && tables.Writes[row].Offset <= reading.Part.Limit))
                return true;
        }
        return false;
    }

    private void AddTorn(TransactionRow transaction, int row, Reading? reading)
    {
        tables.Writes[row].Traits |= WriteTraits.Reported;
        if (!_reported.Add(transaction.Index))
            return;
        var reader = reading?.Reader ?? "a read_committed reader before";
        report.Add(Invariant.Atomic,
            $"{transaction} is torn: {tables.Describe(transaction.SeenRow)} was seen, but {tables.Describe(row)} was hidden from {reader}",
            transaction.SeenAt, transaction.MissedAt, reading?.Call.At ?? -1);
    }

    private void AddBoth(TransactionRow transaction)
    {
        if (_reported.Add(transaction.Index))
            report.Add(Invariant.Atomic,
                $"{transaction} is committed and aborted", transaction.CommitInvokedAt, transaction.CommittedAt, transaction.AbortedAt);
    }
}
