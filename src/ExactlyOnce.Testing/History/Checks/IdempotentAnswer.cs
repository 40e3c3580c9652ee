using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I14, idempotent answer: a retry of the same (id, epoch, sequence range) is answered with the same offset, or not at all. No memory of its own.
/// </summary>
internal sealed class IdempotentAnswer(HistoryTables tables, Report report) : IWriteCheck
{
    public void Acknowledged(RunningCall call, int row, WriteAnswer answer)
    {
        ref var write = ref tables.Writes[row];
        var isRetry = call.Invoked.Call is RetryWrite;
        if (write.Offset < 0 || write.Offset == answer.Offset || (!isRetry && !write.Is(WriteTraits.Retried)))
            return;
        var (first, second) = isRetry ? ("known", "its retry is") : ("answered to a retry", "the original is");
        report.Add(Invariant.IdempotentAnswer, $"{tables.Describe(row)} was {first} there, but {second} answered with offset {answer.Offset}",
            write.InvokedAt, write.ConfirmedAt, call.At);
    }
}
