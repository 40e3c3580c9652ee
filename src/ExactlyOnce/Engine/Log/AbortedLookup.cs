namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Which transactions of a range of the log were aborted. Built from the entries of that range, which must all be decided: a transaction that is open counts
/// as not aborted.
/// </summary>
internal sealed class AbortedLookup
{
    private readonly Dictionary<long, List<AbortedEntry>> _entriesOfProducer = [];

    public AbortedLookup(IReadOnlyList<AbortedEntry> entries)
    {
        foreach (var entry in entries)
        {
            if (!_entriesOfProducer.TryGetValue(entry.ProducerId, out var own))
                _entriesOfProducer.Add(entry.ProducerId, own = []);
            own.Add(entry);
        }
    }

    /// <summary>True when a transactional record of this producer at this offset belongs to an aborted transaction.</summary>
    public bool IsAborted(long producerId, long offset)
    {
        if (!_entriesOfProducer.TryGetValue(producerId, out var own))
            return false;
        // The transactions of one producer do not overlap, so that the first which ends behind the offset decides.
        var (low, high) = (0, own.Count);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (own[middle].LastOffset < offset)
                low = middle + 1;
            else
                high = middle;
        }
        return low < own.Count && own[low].FirstOffset <= offset;
    }

    /// <summary>
    /// Adds the entries that a reader of [<paramref name="from"/>, <paramref name="to"/>) needs to <paramref name="found"/> (Kafka: collectAbortedTxns).
    /// True when no later entry can matter.
    /// </summary>
    internal static bool Collect(ReadOnlySpan<AbortedEntry> entries, long from, long to, List<AbortedEntry> found)
    {
        foreach (ref readonly var entry in entries[FirstAtOrAbove(entries, from)..])
        {
            if (entry.FirstOffset < to)
                found.Add(entry);
            if (entry.LastStableOffset >= to)
                return true;
        }
        return false;
    }

    internal static int FirstAtOrAbove(ReadOnlySpan<AbortedEntry> entries, long offset)
    {
        var (low, high) = (0, entries.Length);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (entries[middle].LastOffset < offset)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
}
