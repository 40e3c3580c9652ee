using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I19, fail-stop: after a failed write or sync nothing that changes the log completes ok until the broker is opened again, also not what was running;
/// and nothing was acknowledged by a flushed broker that its durable end does not cover.
/// </summary>
internal sealed class FailStop(HistoryTables tables, Report report) : ICallCheck, IFactCheck
{
    private string? _failedPath;
    private long _failedAt;

    public void Answered(RunningCall call, Completed completed)
    {
        if (_failedPath is null || completed.Outcome != Outcome.Ok || NameOf(call.Invoked.Call) is not { } what)
            return;
        report.Add(Invariant.FailStop,
            $"{what} (operation {completed.Operation}) was acknowledged after writing or syncing {_failedPath} had failed", call.At, _failedAt);
    }

    public void Observed(Fact fact)
    {
        switch (fact)
        {
            case StorageFailed failed:
                (_failedPath, _failedAt) = (failed.Path, tables.Now);
                break;
            case BrokerOpened:
                _failedPath = null;
                break;
            case Watermarks watermarks when tables.Options.Durability == Durability.Flushed:
                CompareAcknowledged(watermarks);
                break;
        }
    }

    private void CompareAcknowledged(Watermarks watermarks)
    {
        var log = tables.LogOf(watermarks.Partition);
        var last = log.Acknowledged.Value;
        if (last < watermarks.DurableEnd || last >= watermarks.LogEnd || log.IsDeleted || log.RowAt(last) is not (>= 0 and var row))
            return;
        report.Add(Invariant.FailStop, $"{tables.Describe(row)} was acknowledged, but only what is in front of offset {watermarks.DurableEnd} is durable",
            tables.Writes[row].InvokedAt, tables.Writes[row].ConfirmedAt);
    }

    private static string? NameOf(Call call) => call switch
    {
        Write write => $"value {write.Value} to {write.Partition}",
        RetryWrite retry => $"a retry of operation {retry.Original}",
        InitProducer init => $"taking {init.TransactionalId}",
        PrepareTransaction prepare => $"preparing transaction {prepare.Transaction}",
        EndTransaction end => $"{(end.IsCommit ? "committing" : "aborting")} transaction {end.Transaction}",
        CommitOffsets commit => $"offsets of group {commit.Group}",
        DeleteRecords deletion => $"deleting records of {deletion.Partition}",
        ChangeTopic change => $"changing topic {change.Topic}",
        _ => null,
    };
}
