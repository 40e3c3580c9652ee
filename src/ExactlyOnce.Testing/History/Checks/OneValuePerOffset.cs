using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I5, one value per offset: L_p is a function and injective, over all acknowledgements, all reads (of both isolation levels) and all incarnations. A
/// value that is read at two offsets is I2, a retry that is answered with another offset I14; the rest is here: two values at one offset, or an
/// acknowledgement that names another offset than a reader.
/// </summary>
internal sealed class OneValuePerOffset(HistoryTables tables, Report report) : IWriteCheck, IRecordCheck
{
    public void Acknowledged(RunningCall call, int row, WriteAnswer answer)
    {
        ref var write = ref tables.Writes[row];
        var isRetry = call.Invoked.Call is RetryWrite || write.Is(WriteTraits.Retried);
        if (write.Offset >= 0 && write.Offset != answer.Offset && !isRetry)
            report.Add(Invariant.OneValuePerOffset, $"{tables.Describe(row)} is acknowledged at offset {answer.Offset}", write.InvokedAt, write.ConfirmedAt);
        else if (write.Offset < 0)
            CompareHolder(row, answer.Offset, "is acknowledged", call.At);
    }

    public void Read(Reading reading, in ReadRecord record, int row)
    {
        ref var write = ref tables.Writes[row];
        if (write.Offset >= 0 && write.Offset != record.Offset && !write.Is(WriteTraits.Seen | WriteTraits.Retried))
        {
            report.Add(Invariant.OneValuePerOffset, $"{tables.Describe(row)} was acknowledged there, but given to {reading.Reader} at offset {record.Offset}",
                write.InvokedAt, write.ConfirmedAt, reading.Call.At);
        }
        else if (write.Offset < 0)
        {
            CompareHolder(row, record.Offset, $"was given to {reading.Reader}", reading.Call.At);
        }
    }

    private void CompareHolder(int row, long offset, string how, long callAt)
    {
        var holder = tables.Writes.LogOf(row).RowAt(offset);
        if (holder >= 0 && holder != row)
        {
            report.Add(Invariant.OneValuePerOffset, $"{tables.Describe(row)} {how} at offset {offset}, where {tables.Describe(holder)} stands",
                tables.Writes[holder].InvokedAt, tables.Writes[holder].ConfirmedAt, tables.Writes[row].InvokedAt, callAt);
        }
    }
}
