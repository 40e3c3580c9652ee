using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I2, no duplicate: count(v) ≤ 1 in every read, over all incarnations: a value is read at one offset only, an offset comes once in a read, and a
/// consumer that goes on is not given again what it was given. One bit per write (<see cref="WriteTraits.Seen"/>).
/// </summary>
internal sealed class NoDuplicate(HistoryTables tables, Report report) : IRecordCheck, IReadCheck
{
    public void Read(Reading reading, in ReadRecord record, int row)
    {
        ref var write = ref tables.Writes[row];
        if (write.Is(WriteTraits.Seen) && write.Offset >= 0 && write.Offset != record.Offset)
        {
            report.Add(Invariant.NoDuplicate, $"{tables.Describe(row)} stands a second time at offset {record.Offset} for {reading.Reader}",
                write.InvokedAt, write.ConfirmedAt, reading.Call.At);
        }
    }

    public void Ended(Reading reading)
    {
        var records = reading.Part.Records;
        for (var index = 1; index < records.Count; index++)
        {
            if (records[index].Offset == records[index - 1].Offset)
                Add(reading, records[index], "twice in one read");
        }
        if (reading.Call.Invoked.Call is Poll && reading.Repeats && records.Count > 0)
            Add(reading, records[0], "again, and had been given it before");
    }

    private void Add(Reading reading, in ReadRecord record, string how) =>
        report.Add(Invariant.NoDuplicate,
            $"{reading.Reader} was given value {record.Value} at {reading.Log.Partition} offset {record.Offset} {how}", reading.Call.At);
}
