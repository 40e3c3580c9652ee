using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I8, producer order: acknowledged or visible writes of one session to one partition stand in the order of their calls, without gap inside an epoch.
/// Writes that have failed are no gap, nor are those of other transactions (each has its own epoch) or those that compaction may have removed; a write of
/// unknown outcome that is not there although a later one is, is one. Memory: two rows per session and partition.
/// </summary>
internal sealed class ProducerOrder(HistoryTables tables, Report report) : IWriteCheck, IRecordCheck
{
    public void Acknowledged(RunningCall call, int row, WriteAnswer answer)
    {
        var last = tables.Writes.StreamOf(row).LastAcknowledged;
        if (last < 0 || last == row || tables.Writes[last].Offset < 0 || tables.IsLost(last) || tables.Writes[row].Offset >= 0)
            return;
        var (first, second) = row < last ? (row, last) : (last, row);
        var (firstOffset, secondOffset) = row < last ? (answer.Offset, tables.Writes[last].Offset) : (tables.Writes[last].Offset, answer.Offset);
        if (firstOffset > secondOffset)
            AddOrder(first, firstOffset, second, secondOffset, call.At);
    }

    public void Read(Reading reading, in ReadRecord record, int row)
    {
        var stream = tables.Writes.StreamOf(row);
        var previous = stream.LastMet.Read == reading.Number ? stream.LastMet.Row : -1;
        stream.LastMet = (reading.Number, row);
        if (previous >= 0 && row < previous && tables.Writes[row].Offset < 0)
            AddOrder(row, record.Offset, previous, tables.Writes[previous].Offset, reading.Call.At);
        else if (row > previous && (previous >= 0 || (reading.Part.Begin == 0 && reading.Log.RemovedBefore == 0)))
            FindGap(reading, previous, row);
    }

    private void FindGap(Reading reading, int previous, int row)
    {
        for (var between = tables.Writes[row].Previous; between > previous; between = tables.Writes[between].Previous)
        {
            if (!IsGap(reading, previous, between, row))
                continue;
            tables.Writes[between].Traits |= WriteTraits.Reported;
            report.Add(Invariant.ProducerOrder,
                $"{tables.Describe(between)} is missing in front of {tables.Describe(row)}, the later call of its session, for {reading.Reader}",
                tables.Writes[between].InvokedAt, tables.Writes[row].InvokedAt, reading.Call.At);
        }
    }

    private bool IsGap(Reading reading, int previous, int between, int row)
    {
        ref var write = ref tables.Writes[between];
        if (write.Offset >= 0 || write.Transaction != tables.Writes[row].Transaction || write.Is(WriteTraits.Failed | WriteTraits.Reported) || tables.IsLost(between))
            return false;
        return !write.Is(WriteTraits.IsKeyed) || (previous < 0 ? 0 : tables.Writes[previous].Offset) >= reading.Log.CleanedTo;
    }

    private void AddOrder(int first, long firstOffset, int second, long secondOffset, long callAt) =>
        report.Add(Invariant.ProducerOrder,
            $"{tables.Describe(first)} stands at {firstOffset}, behind {tables.Describe(second)} at {secondOffset}, which was called later",
            tables.Writes[first].InvokedAt, tables.Writes[second].InvokedAt, callAt);
}
