using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I18, compaction: per key the newest committed value is unchanged; the log end is unchanged; survivors keep their offsets (I5) and their order (I6);
/// nothing that was gone returns. A record may be missing in front of what a compaction has looked at when a newer committed record of its key stands
/// there too, or when it is a tombstone; whether the newer one is committed may only show later, so what nobody supersedes yet is judged at the end.
/// Memory: 8 bytes per record with a key.
/// </summary>
internal sealed class CompactionKeepsNewest(HistoryTables tables, Report report) : IWritingCheck, IAbsenceCheck, IRecordCheck, IFactCheck, IEndCheck
{
    private readonly Dictionary<(int Log, string Key), int> _keys = [];
    private readonly List<(string Key, List<int> Rows)> _rowsOfKey = [];
    private readonly PagedArray<int> _keyOfRow = new();
    private readonly List<(int Row, long CleanedTo, int At, string Reader)> _unexplained = [];

    public void Writing(int row, Write write)
    {
        if (write.Key is null)
            return;
        var log = tables.Writes.LogOf(row).Index;
        if (!_keys.TryGetValue((log, write.Key), out var key))
        {
            key = _rowsOfKey.Count;
            _keys.Add((log, write.Key), key);
            _rowsOfKey.Add((write.Key, []));
        }
        _rowsOfKey[key].Rows.Add(row);
        _keyOfRow[row] = key + 1;
    }

    public bool Judges(Reading reading, long offset, int row)
    {
        var cleanedTo = reading.Log.CleanedTo;
        if (offset >= cleanedTo)
            return false;
        if (IsSuperseded(row, cleanedTo) || tables.Writes[row].Is(WriteTraits.IsTombstone))
            tables.Writes[row].Traits |= WriteTraits.Compacted;
        else
            _unexplained.Add((row, cleanedTo, tables.Now, reading.Reader));
        return true;
    }

    public void Read(Reading reading, in ReadRecord record, int row)
    {
        if (tables.Writes[row].Is(WriteTraits.Compacted))
            report.Add(Invariant.Compaction,
                $"{tables.Describe(row)} was gone after a compaction and is back for {reading.Reader}", tables.Writes[row].InvokedAt, reading.Call.At);
    }

    public void Observed(Fact fact)
    {
        if (fact is Compacted compacted && compacted.LogEndBefore != compacted.LogEndAfter)
            report.Add(Invariant.Compaction, $"compaction moved the log end of {compacted.Partition} from {compacted.LogEndBefore} to {compacted.LogEndAfter}");
    }

    public void Ended()
    {
        foreach (var (row, cleanedTo, at, reader) in _unexplained)
        {
            if (IsSuperseded(row, cleanedTo))
                continue;
            var key = _keyOfRow.Peek(row) is > 0 and var number ? $"the newest committed record of key {_rowsOfKey[number - 1].Key}" : "a record without a key";
            report.Add(Invariant.Compaction,
                $"{tables.Describe(row)}, {key}, was missing for {reader} after a compaction",
                tables.Writes[row].InvokedAt, tables.Writes[row].ConfirmedAt, at);
        }
    }

    private bool IsSuperseded(int row, long cleanedTo)
    {
        if (_keyOfRow.Peek(row) is not (> 0 and var key))
            return false;
        var rows = _rowsOfKey[key - 1].Rows;
        for (var index = rows.Count - 1; index >= 0; index--)
        {
            var newer = tables.Writes[rows[index]].Offset;
            if (newer > tables.Writes[row].Offset && newer < cleanedTo && tables.FateOf(rows[index]) == Fate.Visible)
                return true;
        }
        return false;
    }
}
