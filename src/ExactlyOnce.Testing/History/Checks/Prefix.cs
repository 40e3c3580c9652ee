using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I6, prefix: for read_committed reads s1 before s2, s1 is a prefix of s2 after dropping what retention removed at the head. So nothing that was read
/// goes away, nothing appears in front of where somebody has read to, and a read is in the order of its offsets and within its positions. The ranges that
/// were read are the memory.
/// </summary>
internal sealed class Prefix(HistoryTables tables, Report report) : IAbsenceCheck, IRecordCheck, IReadCheck
{
    public bool Judges(Reading reading, long offset, int row)
    {
        ref var write = ref tables.Writes[row];
        report.Add(Invariant.Prefix,
            $"{tables.Describe(row)} was read once, but {reading.Reader} was not given it between {reading.From} and {reading.Part.End}",
            write.InvokedAt, write.ConfirmedAt, reading.Call.At);
        return true;
    }

    public void Read(Reading reading, in ReadRecord record, int row)
    {
        ref var write = ref tables.Writes[row];
        if (write.Offset >= 0 || tables.IsLost(row) || !reading.Log.ReadCommitted.Contains(record.Offset) || reading.Log.RowAt(record.Offset) >= 0)
            return;
        if (!reading.IsCommitted && write.Transaction >= 0)
            return;
        report.Add(Invariant.Prefix,
            $"{tables.Describe(row)} appears at offset {record.Offset} for {reading.Reader}, where read_committed readers have already read past and found nothing",
            write.InvokedAt, reading.Call.At);
    }

    public void Ended(Reading reading)
    {
        var part = reading.Part;
        for (var index = 0; index < part.Records.Count; index++)
        {
            var record = part.Records[index];
            if (index > 0 && record.Offset < part.Records[index - 1].Offset)
                Add(reading, record, $"behind offset {part.Records[index - 1].Offset}");
            else if (record.Offset < part.Begin || record.Offset >= part.End)
                Add(reading, record, $"outside of {part.Begin} to {part.End}");
        }
    }

    private void Add(Reading reading, in ReadRecord record, string where) =>
        report.Add(Invariant.Prefix,
            $"{reading.Reader} was given value {record.Value} at {reading.Log.Partition} offset {record.Offset} {where}", reading.Call.At);
}
