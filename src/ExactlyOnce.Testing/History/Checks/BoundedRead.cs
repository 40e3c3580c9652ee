using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I10, bounded read: every offset read is below the reader's limit (last stable offset or high watermark); log start ≤ LSO ≤ HW ≤ log end, and HW ≤
/// durable end for a flushed broker; LSO and HW never go back, the log end only by losing a tail that nobody was told of. Memory: two bounds per
/// partition.
/// </summary>
internal sealed class BoundedRead(HistoryTables tables, Report report) : IReadCheck, IFactCheck
{
    private readonly Dictionary<int, (RisingBound Stable, RisingBound High)> _bounds = [];

    public void Ended(Reading reading)
    {
        var part = reading.Part;
        foreach (var record in part.Records)
        {
            if (record.Offset >= part.Limit)
            {
                report.Add(Invariant.BoundedRead,
                    $"{reading.Reader} was given value {record.Value} at {part.Partition} offset {record.Offset}, at or behind its limit {part.Limit}", reading.Call.At);
                break;
            }
        }
        if (reading.Log.IsDeleted)
            return;
        var (stable, high) = BoundsOf(reading.Log);
        Rise(reading.IsCommitted ? stable : high, reading, part.Limit);
    }

    public void Observed(Fact fact)
    {
        switch (fact)
        {
            case Watermarks watermarks:
                Check(watermarks, tables.LogOf(watermarks.Partition));
                break;
            case BrokerDied or BrokerClosed:
                Forget(fact is BrokerDied { Death: Death.Power });
                break;
        }
    }

    private void Rise(RisingBound bound, Reading reading, long limit)
    {
        var known = bound.AsOf(reading.Call.At);
        if (limit < known && !reading.Log.IsInDoubt(limit))
        {
            report.Add(Invariant.BoundedRead,
                $"{(reading.IsCommitted ? "the last stable offset" : "the high watermark")} of {reading.Log.Partition} went back from {known} to {limit}",
                reading.Call.At);
        }
        bound.Raise(tables.Now, limit, tables.OldestCall());
    }

    private void Check(Watermarks now, PartitionLog log)
    {
        var (stable, high) = BoundsOf(log);
        if (log.IsDeleted)
            return;
        Expect(now.LogStart <= now.LastStable, now, "the log start is behind the last stable offset");
        Expect(now.LastStable <= now.HighWatermark, now, "the last stable offset is behind the high watermark");
        Expect(now.HighWatermark <= now.LogEnd && now.DurableEnd <= now.LogEnd, now, "the log end is in front of the high watermark or of the durable end");
        Expect(tables.Options.Durability != Durability.Flushed || now.HighWatermark <= now.DurableEnd, now, "readers see what is not durable");
        Expect(now.LastStable >= stable.Value, now, $"the last stable offset was {stable.Value} before");
        Expect(now.HighWatermark >= high.Value, now, $"the high watermark was {high.Value} before");
        Expect(now.LogEnd >= log.End, now, $"offset {log.End - 1} is known to somebody");
        stable.Raise(tables.Now, now.LastStable, tables.OldestCall());
        high.Raise(tables.Now, now.HighWatermark, tables.OldestCall());
    }

    private void Expect(bool holds, Watermarks now, string problem)
    {
        if (holds)
            return;
        report.Add(Invariant.BoundedRead,
            $"{now.Partition} has log start {now.LogStart}, LSO {now.LastStable}, HW {now.HighWatermark}, durable end {now.DurableEnd} and log end {now.LogEnd}, but {problem}");
    }

    /// <summary>A less durable broker may go back to where a death puts it.</summary>
    private void Forget(bool isPowerCut)
    {
        foreach (var (index, (stable, high)) in _bounds)
        {
            var kept = tables.Options.Durability switch
            {
                Durability.Memory => -1,
                Durability.Written when isPowerCut => tables.Logs[index].DurableEnd,
                _ => long.MaxValue,
            };
            stable.Lower(kept);
            high.Lower(kept);
        }
    }

    private (RisingBound Stable, RisingBound High) BoundsOf(PartitionLog log)
    {
        if (!_bounds.TryGetValue(log.Index, out var bounds))
            _bounds.Add(log.Index, bounds = (new RisingBound(), new RisingBound()));
        return bounds;
    }
}
