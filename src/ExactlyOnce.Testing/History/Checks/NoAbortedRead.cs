using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I3, no aborted read: while the fate of t is aborted or open, no v of W(t) is in any read_committed read, at any time; and a value whose write has
/// failed is in none at all. A transaction whose commit was asked for may be visible; if it turns out to be aborted, the earlier read was wrong. Memory:
/// one event per transaction.
/// </summary>
internal sealed class NoAbortedRead(HistoryTables tables, Report report) : IRecordCheck, IFateCheck
{
    private readonly HashSet<int> _reported = [];

    public void Read(Reading reading, in ReadRecord record, int row)
    {
        ref var write = ref tables.Writes[row];
        if (write.Is(WriteTraits.Failed) && !write.Is(WriteTraits.Reported))
        {
            write.Traits |= WriteTraits.Reported;
            report.Add(Invariant.NoAbortedRead,
                $"{tables.Describe(row)} was answered with a failure, but {reading.Reader} was given it at offset {record.Offset}",
                write.InvokedAt, reading.Call.At);
        }
        if (!reading.IsCommitted || tables.TransactionOfRow(row) is not { } transaction || transaction.MayBeVisible || tables.IsLost(row) || !_reported.Add(transaction.Index))
            return;
        var fate = transaction.IsAborted ? "aborted" : "still open";
        report.Add(Invariant.NoAbortedRead,
            $"{tables.Describe(row)} was given to {reading.Reader} at offset {record.Offset}, although its transaction was {fate}",
            write.InvokedAt, transaction.AbortedAt, reading.Call.At);
    }

    public void Aborted(TransactionRow transaction)
    {
        if (transaction.SeenAt < 0 || transaction.IsCommitted || !_reported.Add(transaction.Index))
            return;
        report.Add(Invariant.NoAbortedRead, $"{tables.Describe(transaction.SeenRow)} was given to a read_committed reader, but its transaction is aborted",
            tables.Writes[transaction.SeenRow].InvokedAt, transaction.SeenAt, transaction.CommitInvokedAt);
    }
}
