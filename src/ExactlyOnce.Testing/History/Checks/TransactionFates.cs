using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>Fills the tables with what becomes of transactions, and tells the checks.</summary>
internal sealed class TransactionFates(HistoryTables tables, CheckList checks)
{
    private readonly Dictionary<int, (string Id, ProducerAnswer? Answer)> _sessions = [];

    public void Called(RunningCall call)
    {
        switch (call.Invoked.Call)
        {
            case InitProducer init:
                _sessions[init.Session] = (init.TransactionalId, null);
                break;
            case BeginTransaction begin:
                var begun = tables.TransactionOf(begin.Transaction);
                (begun.Session, begun.BeganAt) = (begin.Session, tables.Now);
                break;
            case PrepareTransaction prepare:
                tables.TransactionOf(prepare.Transaction).IsPrepared = true;
                break;
            case CommitOffsets { Transaction: { } number } commit:
                tables.TransactionOf(number).Offsets.AddRange(commit.Offsets.Select(next => (commit.Group, next.Key, next.Value)));
                break;
            case EndTransaction { IsCommit: true } end:
                AskCommit(tables.TransactionOf(end.Transaction));
                break;
        }
    }

    public void Answered(RunningCall call, Completed completed)
    {
        switch (call.Invoked.Call)
        {
            case InitProducer init when completed.Outcome == Outcome.Ok:
                EndOlderSessions(init, completed.Answer as ProducerAnswer);
                break;
            case CommitOffsets { Transaction: { } number } commit when completed.Outcome == Outcome.Failed:
                tables.TransactionOf(number).Offsets.RemoveAll(next => next.Group == commit.Group && commit.Offsets.Contains(new(next.Partition, next.Offset)));
                break;
            case EndTransaction end:
                AnswerEnd(tables.TransactionOf(end.Transaction), end.IsCommit, completed.Outcome);
                break;
        }
    }

    /// <summary>The transaction is known to be aborted.</summary>
    public void Abort(TransactionRow transaction)
    {
        if (transaction.AbortedAt < 0)
            transaction.AbortedAt = tables.Now;
        transaction.OverAt = Math.Min(transaction.OverAt, tables.Now);
        foreach (var check in checks.Fates)
            check.Aborted(transaction);
    }

    /// <summary>A read_committed reader has seen a write of it.</summary>
    public void See(TransactionRow transaction, int row)
    {
        transaction.ConfirmedLife = tables.Life;
        if (transaction.SeenAt >= 0)
            return;
        (transaction.SeenAt, transaction.SeenRow) = (tables.Now, row);
        foreach (var check in checks.Fates)
            check.Seen(transaction);
    }

    /// <summary>Nothing is open any more.</summary>
    public void Quiesce()
    {
        foreach (var transaction in tables.Unsettled())
            transaction.OverAt = Math.Min(transaction.OverAt, tables.Now);
    }

    private void AskCommit(TransactionRow transaction)
    {
        if (transaction.PossibleCommits++ > 0 || transaction.IsCommitted)
            return;
        if (transaction.CommitInvokedAt < 0)
            transaction.CommitInvokedAt = tables.Now;
        foreach (var check in checks.Fates)
            check.CommitAsked(transaction);
    }

    private void AnswerEnd(TransactionRow transaction, bool isCommit, Outcome outcome)
    {
        if (!isCommit && outcome == Outcome.Ok)
            Abort(transaction);
        else if (isCommit && outcome == Outcome.Ok)
            Commit(transaction);
        else if (isCommit && outcome == Outcome.Failed && --transaction.PossibleCommits == 0 && !transaction.IsCommitted)
            Refuse(transaction);
    }

    /// <summary>No commit of it can still succeed, unless another one is asked for.</summary>
    private void Refuse(TransactionRow transaction)
    {
        foreach (var check in checks.Fates)
            check.Aborted(transaction);
    }

    private void Commit(TransactionRow transaction)
    {
        if (!transaction.IsCommitted)
            transaction.CommittedAt = tables.Now;
        transaction.ConfirmedLife = tables.Life;
        transaction.OverAt = Math.Min(transaction.OverAt, tables.Now);
        foreach (var check in checks.Fates)
            check.Committed(transaction);
        foreach (var row in transaction.Rows)
        {
            ref var write = ref tables.Writes[row];
            if (!write.Is(WriteTraits.Acknowledged) || write.Offset < 0)
                continue;
            tables.Writes.LogOf(row).Acknowledged.Raise(tables.Now, write.Offset, tables.OldestCall());
            foreach (var check in checks.Visible)
                check.Visible(row);
        }
    }

    /// <summary>An answer may be heard after that of a session that took the id later, and then ends nothing of it.</summary>
    private void EndOlderSessions(InitProducer init, ProducerAnswer? answer)
    {
        _sessions[init.Session] = (init.TransactionalId, answer);
        foreach (var transaction in tables.Unsettled())
        {
            if (transaction.Session == init.Session || transaction.IsPrepared || !_sessions.TryGetValue(transaction.Session, out var session) || session.Id != init.TransactionalId)
                continue;
            if (ProducerAnswer.IsOlder(session.Answer, answer))
                transaction.OverAt = Math.Min(transaction.OverAt, tables.Now);
        }
    }
}
