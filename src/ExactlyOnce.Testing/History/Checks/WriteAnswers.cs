using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>Fills the tables with writes and their answers, and tells the checks.</summary>
internal sealed class WriteAnswers(HistoryTables tables, CheckList checks)
{
    public void Called(long operation, Write write)
    {
        var log = tables.LogOf(write.Partition);
        var transaction = write.Transaction is { } number ? tables.TransactionOf(number) : null;
        var row = tables.Writes.Add(operation, write, log, transaction?.Index ?? -1, tables.Now, tables.Life);
        transaction?.Rows.Add(row);
        foreach (var check in checks.Writing)
            check.Writing(row, write);
    }

    public void Answered(RunningCall call, int row, Completed completed, bool isRetry)
    {
        ref var write = ref tables.Writes[row];
        if (completed is { Outcome: Outcome.Ok, Answer: WriteAnswer { Offset: >= 0 } answer })
        {
            ResolveDoubt(tables.Writes.LogOf(row), answer.Offset, row);
            foreach (var check in checks.Writes)
                check.Acknowledged(call, row, answer);
            if (isRetry)
                write.Traits |= WriteTraits.Retried;
            Learn(row, answer.Offset);
        }
        else if (completed.Outcome == Outcome.Failed && !isRetry && !write.Is(WriteTraits.Acknowledged | WriteTraits.Retried))
        {
            write.Traits |= WriteTraits.Failed;
        }
    }

    /// <summary>Another value where one was in doubt: what was there before is lost, as it was allowed to be.</summary>
    private void ResolveDoubt(PartitionLog log, long offset, int row)
    {
        if (log.IsInDoubt(offset) && log.RowAt(offset) is >= 0 and var before && before != row)
            tables.Lose(log, offset);
    }

    private void Learn(int row, long offset)
    {
        ref var write = ref tables.Writes[row];
        var log = tables.Writes.LogOf(row);
        write.Traits = (write.Traits | WriteTraits.Acknowledged) & ~WriteTraits.Failed;
        (write.ConfirmedAt, write.Life) = (tables.Now, tables.Life);
        if (write.Offset < 0 && log.RowAt(offset) < 0)
        {
            write.Offset = offset;
            log.Place(offset, row);
        }
        var stream = tables.Writes.StreamOf(row);
        if (row > stream.LastAcknowledged)
            stream.LastAcknowledged = row;
        if (write.Transaction >= 0 && !tables.Transactions[write.Transaction].IsCommitted)
            return;
        log.Acknowledged.Raise(tables.Now, write.Offset, tables.OldestCall());
        foreach (var check in checks.Visible)
            check.Visible(row);
    }
}
