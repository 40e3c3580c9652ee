using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// Finds what a read went past without giving it: compares the offsets that are known of a log with those that were read, in one walk over the range.
/// What is missing and was allowed to be removed is passed over; the rest is judged by the checks of I18, I7, I1, I9 and I6, in this order.
/// </summary>
internal sealed class AbsentRecords(HistoryTables tables, CheckList checks) : IReadCheck
{
    public void Ended(Reading reading)
    {
        var log = reading.Log;
        if (log.IsDeleted)
            return;
        var records = reading.Part.Records;
        var next = 0;
        for (var offset = log.NextKnown(reading.From, reading.Part.End); offset >= 0; offset = log.NextKnown(offset + 1, reading.Part.End))
        {
            while (next < records.Count && records[next].Offset < offset)
                next++;
            if (next < records.Count && records[next].Offset == offset)
                continue;
            if (log.IsInDoubt(offset))
            {
                tables.Lose(log, offset);
                return;
            }
            Judge(reading, offset, log.RowAt(offset));
        }
    }

    private void Judge(Reading reading, long offset, int row)
    {
        ref var write = ref tables.Writes[row];
        if (offset < reading.Log.RemovedBefore || write.Is(WriteTraits.Reported | WriteTraits.Compacted) || !IsDue(reading, offset, row))
            return;
        if (Array.IndexOf(reading.Rows, row) >= 0)
            return;     // it was given elsewhere: I2, I5 or I6 has said so
        foreach (var check in checks.Absences)
        {
            if (!check.Judges(reading, offset, row))
                continue;
            write.Traits |= WriteTraits.Reported;
            return;
        }
    }

    private bool IsDue(Reading reading, long offset, int row)
    {
        if (!reading.IsCommitted)
            return IsDueUncommitted(reading.Log, offset, row);
        var transaction = tables.TransactionOfRow(row);
        if (transaction is not null && tables.IsCommitInDoubt(transaction, reading.Log))
            transaction.IsLost = true;
        var fate = tables.FateOf(row);
        var mayBeCompacted = offset < reading.Log.CleanedTo && tables.Writes[row].Is(WriteTraits.IsKeyed);
        if (fate == Fate.Undecided && transaction!.MissedAt < 0 && !mayBeCompacted)
            (transaction.MissedAt, transaction.MissedRow) = (tables.Now, row);
        return fate == Fate.Visible;
    }

    /// <summary>read_uncommitted readers see what is there, whatever becomes of it; compaction removes what was aborted.</summary>
    private bool IsDueUncommitted(PartitionLog log, long offset, int row)
    {
        if (tables.IsLost(row) || tables.Writes[row].Is(WriteTraits.Failed))
            return false;
        return tables.TransactionOfRow(row) is not { MustBeVisible: false } || (offset >= log.CleanedTo && tables.Writes[row].Is(WriteTraits.Seen));
    }
}
