using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I4, genuine: every value read was written, to this partition, with these bytes. Who writes the history compares key, headers and bytes by the checksum
/// in the value and reports a negative value if they differ; the timestamp is compared here when both sides know it (8 bytes per record with one).
/// </summary>
internal sealed class Genuine(HistoryTables tables, Report report) : IWritingCheck, IRecordCheck
{
    private readonly PagedArray<long> _timestamps = new();

    public void Writing(int row, Write write)
    {
        if (write.TimestampMs is > 0 and var timestamp)
            _timestamps[row] = timestamp;
    }

    public void ReadForeign(Reading reading, in ReadRecord record, int row)
    {
        var why = record.Value < 0 ? "whose bytes are not those that were written"
            : row < 0 ? "that nobody has written"
            : $"that was written to {tables.Writes.LogOf(row).Partition}";
        report.Add(Invariant.Genuine, $"{reading.Reader} was given value {record.Value} at {reading.Log.Partition} offset {record.Offset}, {why}",
            row < 0 ? -1 : tables.Writes[row].InvokedAt, reading.Call.At);
    }

    public void Read(Reading reading, in ReadRecord record, int row)
    {
        var written = _timestamps.Peek(row);
        if (written == 0 || record.TimestampMs == 0 || written == record.TimestampMs)
            return;
        report.Add(Invariant.Genuine, $"{tables.Describe(row)} was written with timestamp {written} and given to {reading.Reader} with {record.TimestampMs}",
            tables.Writes[row].InvokedAt, reading.Call.At);
    }
}
