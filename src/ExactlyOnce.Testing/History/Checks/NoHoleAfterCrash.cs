using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I7, no hole after a crash: the recovered log is a prefix of the log before, and contains every acknowledged and every read entry. A missing record is
/// its case when the broker died or was closed since the record was last confirmed; the missing end of a log is found by <see cref="NoLoss"/>. Nor may
/// anything return that a death took.
/// </summary>
internal sealed class NoHoleAfterCrash(HistoryTables tables, Report report) : IAbsenceCheck, IRecordCheck
{
    public bool Judges(Reading reading, long offset, int row)
    {
        ref var write = ref tables.Writes[row];
        if (write.Life >= tables.Life)
            return false;
        var known = write.Is(WriteTraits.Acknowledged) ? "acknowledged" : "read";
        report.Add(Invariant.NoHoleAfterCrash, $"{tables.Describe(row)} was {known} before the broker died, but {reading.Reader} did not find it afterwards",
            write.InvokedAt, write.ConfirmedAt, tables.DiedAt, reading.Call.At);
        return true;
    }

    public void Read(Reading reading, in ReadRecord record, int row)
    {
        ref var write = ref tables.Writes[row];
        if (!tables.IsLost(row) || write.Is(WriteTraits.Reported))
            return;
        write.Traits |= WriteTraits.Reported;
        report.Add(Invariant.NoHoleAfterCrash,
            $"{tables.Describe(row)} was lost when the broker died, as it could be, but {reading.Reader} was given it at offset {record.Offset}",
            write.InvokedAt, tables.DiedAt, reading.Call.At);
    }
}
