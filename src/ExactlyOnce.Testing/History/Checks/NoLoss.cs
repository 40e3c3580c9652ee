using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I1, no loss: for all v with ok(write v), and v plain or its transaction committed ok: v is in every read that covers its offset, and every read that
/// starts after the acknowledgement reaches that far, unless retention, deletion or compaction may have removed it. No memory of its own.
/// </summary>
internal sealed class NoLoss(HistoryTables tables, Report report) : IAbsenceCheck, IReadCheck, IWriteCheck, IFateCheck
{
    public bool Judges(Reading reading, long offset, int row)
    {
        ref var write = ref tables.Writes[row];
        if (!write.Is(WriteTraits.Acknowledged) || tables.TransactionOfRow(row) is { IsCommitted: false })
            return false;
        report.Add(Invariant.NoLoss,
            $"{tables.Describe(row)} was acknowledged, but {reading.Reader} was not given it between {reading.From} and {reading.Part.End}",
            write.InvokedAt, write.ConfirmedAt, reading.Call.At);
        return true;
    }

    /// <summary>The end of the log may be missing, too: then nobody covers the offset.</summary>
    public void Ended(Reading reading)
    {
        var log = reading.Log;
        var reached = log.Acknowledged.AsOf(reading.Call.At);
        var limit = reading.Part.Limit;
        if (reached < limit || reached < log.RemovedBefore || log.IsDeleted || (reading.IsCommitted && tables.IsHeldBack(log, limit, reading.Call.At)))
            return;
        var row = log.RowAt(reached);
        if (row < 0 || tables.Writes[row].Is(WriteTraits.Reported))
            return;
        if (log.IsInDoubt(limit))
            tables.Lose(log, limit);
        else
            ReportEnd(reading, row);
    }

    /// <summary>Late news of an offset that somebody has read past.</summary>
    public void Acknowledged(RunningCall call, int row, WriteAnswer answer)
    {
        ref var write = ref tables.Writes[row];
        if (write.Offset >= 0 || tables.Writes.LogOf(row) is not { IsDeleted: false } log || !log.ReadCommitted.Contains(answer.Offset) || log.RowAt(answer.Offset) >= 0)
            return;
        if (write.Is(WriteTraits.IsKeyed) && answer.Offset < log.CleanedTo)
            return;
        if (tables.TransactionOfRow(row) is { } transaction)
        {
            Miss(transaction, row);
            return;
        }
        write.Traits |= WriteTraits.Reported;
        report.Add(Invariant.NoLoss,
            $"{tables.Describe(row)} is acknowledged at offset {answer.Offset}, but read_committed readers were already past it and not given it",
            write.InvokedAt);
    }

    public void Committed(TransactionRow transaction)
    {
        if (transaction.MissedAt < 0 || tables.Writes[transaction.MissedRow].Is(WriteTraits.Reported | WriteTraits.Lost))
            return;
        tables.Writes[transaction.MissedRow].Traits |= WriteTraits.Reported;
        report.Add(Invariant.NoLoss, $"{tables.Describe(transaction.MissedRow)} is committed, but a read_committed reader was already past it and not given it",
            tables.Writes[transaction.MissedRow].InvokedAt, transaction.MissedAt, transaction.CommitInvokedAt);
    }

    /// <summary>Whether it matters shows when the transaction's fate does.</summary>
    private void Miss(TransactionRow transaction, int row)
    {
        if (transaction.MissedAt < 0)
            (transaction.MissedAt, transaction.MissedRow) = (tables.Now, row);
    }

    private void ReportEnd(Reading reading, int row)
    {
        ref var write = ref tables.Writes[row];
        write.Traits |= WriteTraits.Reported;
        var invariant = write.Life < tables.Life ? Invariant.NoHoleAfterCrash : Invariant.NoLoss;
        var recovered = write.Life < tables.Life ? "before the broker died" : "before";
        report.Add(invariant, $"{tables.Describe(row)} was acknowledged {recovered}, but the log ends at {reading.Part.Limit} for {reading.Reader}",
            write.InvokedAt, write.ConfirmedAt, reading.Call.At);
    }
}
