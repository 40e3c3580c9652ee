using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>Fills the tables with what was read, and tells the checks. Keeps where each consumer stands.</summary>
internal sealed class ReadAnswers(HistoryTables tables, CheckList checks, TransactionFates fates)
{
    private readonly Dictionary<(int Consumer, int Log), long> _positions = [];
    private long _readings;

    public void Answered(RunningCall call, RecordsAnswer answer)
    {
        var readings = new List<Reading>(answer.Partitions.Count);
        foreach (var part in answer.Partitions)
        {
            var reading = Begin(call, part);
            readings.Add(reading);
            for (var index = 0; index < part.Records.Count; index++)
                Read(reading, index);
            foreach (var check in checks.Reads)
                check.Ended(reading);
            End(reading);
        }
        foreach (var check in checks.Reads)
            check.Answered(call, readings);
    }

    /// <summary>A power cut's doubt ends when the log's numbers are known.</summary>
    public void Observe(Watermarks watermarks)
    {
        var log = tables.LogOf(watermarks.Partition);
        if (log.DoubtFrom < log.DoubtTo)
        {
            if (watermarks.LogEnd < log.DoubtTo && watermarks.LogEnd >= log.DoubtFrom)
                tables.Lose(log, watermarks.LogEnd);
            else
                log.Confirm(log.DoubtTo - 1);
        }
        log.DurableEnd = watermarks.DurableEnd;
        if (watermarks.DurableEnd >= watermarks.LogEnd)
            log.AllDurableAt = tables.Now;
    }

    private Reading Begin(RunningCall call, PartitionRead part)
    {
        var log = tables.LogOf(part.Partition);
        var from = part.Begin;
        if (call.Invoked.Call is Poll poll)
        {
            var position = _positions.GetValueOrDefault((poll.Consumer, log.Index), from);
            return new Reading(_readings++, call, log, part, poll.IsCommitted, Math.Min(from, position)) { Repeats = from < position };
        }
        return new Reading(_readings++, call, log, part, ((Scan)call.Invoked.Call).IsCommitted, Math.Min(from, log.RemovedBefore));
    }

    private void Read(Reading reading, int index)
    {
        var record = reading.Part.Records[index];
        var row = tables.Writes.RowOfValue(record.Value);
        reading.Rows[index] = -1;
        if (row < 0 || tables.Writes.LogOf(row) != reading.Log)
        {
            checks.Genuine.ReadForeign(reading, record, row);
            return;
        }
        if (reading.Log.IsInDoubt(record.Offset) && reading.Log.RowAt(record.Offset) is >= 0 and var before && before != row)
            tables.Lose(reading.Log, record.Offset);
        foreach (var check in checks.Records)
            check.Read(reading, record, row);
        reading.Rows[index] = row;
        Learn(reading, record.Offset, row);
    }

    private void Learn(Reading reading, long offset, int row)
    {
        ref var write = ref tables.Writes[row];
        if (write.Offset < 0 && reading.Log.RowAt(offset) < 0 && offset >= 0)
        {
            write.Offset = offset;
            reading.Log.Place(offset, row);
        }
        reading.Log.Confirm(offset);
        var isFirstCommitted = reading.IsCommitted && !write.Is(WriteTraits.SeenCommitted);
        write.Traits |= reading.IsCommitted ? WriteTraits.Seen | WriteTraits.SeenCommitted : WriteTraits.Seen;
        (write.ConfirmedAt, write.Life) = (tables.Now, tables.Life);
        if (reading.IsCommitted && write.Transaction >= 0)
            fates.See(tables.Transactions[write.Transaction], row);
        if (!isFirstCommitted)
            return;
        foreach (var check in checks.Visible)
            check.Visible(row);
    }

    private void End(Reading reading)
    {
        var part = reading.Part;
        if (reading.Call.Invoked.Call is Poll poll)
            _positions[(poll.Consumer, reading.Log.Index)] = part.End;
        if (!reading.IsCommitted)
            return;
        reading.Log.ReadCommitted.Add(part.Begin, part.End);
        if (reading.Call.Invoked.Call is Scan && reading.Call.At > tables.DiedAt)
            reading.Log.LastFullReadLife = tables.Life;
    }
}
