using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I15, liveness: with the clients dead and the timeouts over, no transaction is open, the last stable offset is the log end everywhere, and no group
/// rebalances.
/// </summary>
internal sealed class Liveness(HistoryTables tables, Report report) : IFactCheck
{
    private readonly Dictionary<TopicPartition, Watermarks> _last = [];

    public void Observed(Fact fact)
    {
        if (fact is Watermarks watermarks)
            _last[watermarks.Partition] = watermarks;
        if (fact is not Quiesced quiesced)
            return;
        if (quiesced.OpenTransactions > 0)
            report.Add(Invariant.Liveness, $"{quiesced.OpenTransactions} transactions are still open when all is quiet: {OpenTransactions()}");
        if (quiesced.UnstablePartitions > 0)
            report.Add(Invariant.Liveness, $"{quiesced.UnstablePartitions} partitions are held back when all is quiet: {UnstablePartitions()}");
        if (quiesced.UnstableGroups > 0)
            report.Add(Invariant.Liveness, $"{quiesced.UnstableGroups} groups still rebalance when all is quiet");
    }

    private string OpenTransactions()
    {
        var open = tables.Transactions.Where(transaction => !transaction.IsCommitted && !transaction.IsAborted).Take(5).ToList();
        return open.Count == 0 ? "none that this history knows" : string.Join(", ", open);
    }

    private string UnstablePartitions()
    {
        var unstable = _last.Values.Where(last => last.LastStable < last.LogEnd).Take(5).Select(last => $"{last.Partition} at {last.LastStable} of {last.LogEnd}").ToList();
        return unstable.Count == 0 ? "none that this history knows" : string.Join(", ", unstable);
    }
}
