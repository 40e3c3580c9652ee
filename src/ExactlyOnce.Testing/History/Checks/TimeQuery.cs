using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I21, time queries: ListOffsets(p, T) is what a naive scan would answer: the first record at or after T. Compared with every record whose timestamp is
/// known and that was visible before the question. Memory: 8 bytes per record with a timestamp; a question passes over pages of 128 offsets whose latest
/// known timestamp is too early.
/// </summary>
internal sealed class TimeQuery(HistoryTables tables, Report report) : IWritingCheck, IWriteCheck, IRecordCheck, ICallCheck
{
    private const int PageSize = 128;

    private readonly PagedArray<long> _timestampOfRow = new();
    private readonly Dictionary<int, PagedArray<long>> _latestOfPage = [];

    public void Writing(int row, Write write)
    {
        if (write.TimestampMs is > 0 and var timestamp)
            _timestampOfRow[row] = timestamp;
    }

    public void Read(Reading reading, in ReadRecord record, int row)
    {
        if (record.TimestampMs > 0 && _timestampOfRow.Peek(row) == 0)
            _timestampOfRow[row] = record.TimestampMs;
        Learn(reading.Log, record.Offset, row);
    }

    public void Acknowledged(RunningCall call, int row, WriteAnswer answer) => Learn(tables.Writes.LogOf(row), answer.Offset, row);

    public void Answered(RunningCall call, Completed completed)
    {
        if (call.Invoked.Call is not ListOffsets query || completed is not { Outcome: Outcome.Ok, Answer: OffsetAnswer answer })
            return;
        var log = tables.LogOf(query.Partition);
        if (log.IsDeleted)
            return;
        var found = log.RowAt(answer.Offset);
        if (found >= 0 && _timestampOfRow.Peek(found) is > 0 and var timestamp && timestamp < query.TimestampMs)
        {
            report.Add(Invariant.TimeQuery,
                $"{query.Partition} was asked for time {query.TimestampMs} and answered {answer.Offset}, but {tables.Describe(found)} is of {timestamp}",
                call.At);
            return;
        }
        var first = FirstAtOrAfter(log, query.TimestampMs, call.At, answer.Offset < 0);
        if (first >= 0 && (answer.Offset < 0 || first < answer.Offset))
        {
            report.Add(Invariant.TimeQuery,
                $"{query.Partition} was asked for time {query.TimestampMs} and answered {answer.Offset}, but {tables.Describe(log.RowAt(first))} is of {_timestampOfRow[log.RowAt(first)]}",
                tables.Writes[log.RowAt(first)].InvokedAt, call.At);
        }
    }

    private long FirstAtOrAfter(PartitionLog log, long time, int calledAt, bool onlySeen)
    {
        var latest = LatestOfPage(log);
        var from = log.CleanedTo > log.RemovedBefore ? log.CleanedTo : log.RemovedBefore;
        for (var offset = log.NextKnown(from, log.End); offset >= 0; offset = log.NextKnown(offset + 1, log.End))
        {
            if (latest.Peek(offset / PageSize) < time)
            {
                offset |= PageSize - 1;
                continue;
            }
            if (_timestampOfRow.Peek(log.RowAt(offset)) >= time && WasVisible(log.RowAt(offset), calledAt, onlySeen))
                return offset;
        }
        return -1;
    }

    private void Learn(PartitionLog log, long offset, int row)
    {
        if (offset < 0 || _timestampOfRow.Peek(row) is not (> 0 and var timestamp))
            return;
        ref var latest = ref LatestOfPage(log)[offset / PageSize];
        latest = Math.Max(latest, timestamp);
    }

    private PagedArray<long> LatestOfPage(PartitionLog log)
    {
        if (!_latestOfPage.TryGetValue(log.Index, out var latest))
            _latestOfPage.Add(log.Index, latest = new PagedArray<long>());
        return latest;
    }

    private bool WasVisible(int row, int calledAt, bool onlySeen)
    {
        ref var write = ref tables.Writes[row];
        return tables.FateOf(row) == Fate.Visible && write.ConfirmedAt < calledAt && (!onlySeen || write.Is(WriteTraits.SeenCommitted))
            && !write.Is(WriteTraits.Reported | WriteTraits.Compacted);
    }
}
