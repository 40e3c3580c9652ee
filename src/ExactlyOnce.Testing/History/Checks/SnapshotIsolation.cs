using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I20, no cycle of dependencies between committed transactions (G0, G1c), over three kinds of edges: wr, t wrote an output of (or polled) a record of s;
/// ww, s wrote in front of t in a partition; and the clock, the commit of s was acknowledged before t began. Where open transactions append as they go
/// (see <see cref="CheckerOptions.IsLogInCommitOrder"/>) two running ones may stand either way round in different partitions, so ww counts only against
/// the clock. That readers see whole transactions is I9. Memory: 16 bytes per edge; strongly connected components in O(V + E), up to <see
/// cref="CheckerOptions.CycleSearchTransactionsMax"/> transactions.
/// </summary>
internal sealed class SnapshotIsolation(HistoryTables tables, Report report) : IWritingCheck, IReadCheck, IEndCheck
{
    private readonly List<(int From, int To, string Why)> _reads = [];
    private readonly List<(int Transaction, int Log, long Offset)> _sources = [];

    public void Writing(int row, Write write)
    {
        if (write.Source is { } source && tables.Writes[row].Transaction is >= 0 and var transaction && transaction < tables.Options.CycleSearchTransactionsMax)
            _sources.Add((transaction, tables.LogOf(source.Partition).Index, source.Offset));
    }

    public void Ended(Reading reading)
    {
        if (reading.Call.Invoked.Call is not Poll { Transaction: { } number })
            return;
        var reader = tables.TransactionOf(number).Index;
        var last = -1;
        foreach (var row in reading.Rows)
        {
            if (row < 0 || tables.Writes[row].Transaction is not (>= 0 and var writer) || writer == last)
                continue;
            last = writer;
            AddRead(writer, reader, row);
        }
    }

    public void Ended()
    {
        foreach (var (transaction, log, offset) in _sources)
        {
            if (tables.Logs[log].RowAt(offset) is >= 0 and var row && tables.Writes[row].Transaction is >= 0 and var writer)
                AddRead(writer, transaction, row);
        }
        var committed = tables.Transactions.Take(tables.Options.CycleSearchTransactionsMax).Where(transaction => transaction.MustBeVisible).ToList();
        if (committed.Count < 2)
            return;
        var graph = new DependencyGraph(committed);
        foreach (var (from, to, why) in _reads)
            graph.Add(tables.Transactions[from], tables.Transactions[to], why);
        foreach (var log in tables.Logs)
            AddLogOrder(graph, log);
        graph.AddClock();
        foreach (var cycle in graph.Cycles())
            report.Add(Invariant.SnapshotIsolation, $"{cycle.Description}", [.. cycle.Transactions.Select(transaction => (long)transaction.CommitInvokedAt)]);
    }

    private void AddRead(int writer, int reader, int row)
    {
        if (writer != reader && writer < tables.Options.CycleSearchTransactionsMax && reader < tables.Options.CycleSearchTransactionsMax)
            _reads.Add((writer, reader, $"wrote {tables.Describe(row)}, which was read by"));
    }

    private void AddLogOrder(DependencyGraph graph, PartitionLog log)
    {
        TransactionRow? previous = null;
        for (var offset = log.NextKnown(0, log.End); offset >= 0; offset = log.NextKnown(offset + 1, log.End))
        {
            if (tables.TransactionOfRow(log.RowAt(offset)) is not { MustBeVisible: true } transaction)
                continue;
            if (previous is not null && previous != transaction && (tables.Options.IsLogInCommitOrder || IsBefore(transaction, previous)))
                graph.Add(previous, transaction, $"wrote in front of {tables.Describe(log.RowAt(offset))} of");
            if (tables.Options.IsLogInCommitOrder || previous is null || BeganAt(transaction) >= BeganAt(previous))
                previous = transaction;
        }
    }

    /// <summary>By the clock.</summary>
    private static bool IsBefore(TransactionRow first, TransactionRow second) => first.IsCommitted && first.CommittedAt < BeganAt(second);

    private static int BeganAt(TransactionRow transaction) => transaction.BeganAt >= 0 ? transaction.BeganAt : transaction.CommitInvokedAt;
}
