namespace ExactlyOnce.Kernel.Partitions;

/// <summary>One published state of <see cref="AbortedTransactions"/>: immutable, in order of markers, readable by any thread.</summary>
internal sealed class AbortedIndex
{
    public static readonly AbortedIndex Empty = new([], 0);

    // Elements at and behind Count belong to later states, which share the array.
    private readonly AbortedTransaction[] _entries;

    internal AbortedIndex(AbortedTransaction[] entries, int count)
    {
        _entries = entries;
        Count = count;
    }

    public int Count { get; }

    public ReadOnlySpan<AbortedTransaction> Entries => _entries.AsSpan(0, Count);

    internal AbortedTransaction[] Storage => _entries;

    /// <summary>
    /// Adds the aborted transactions that can have data in [<paramref name="fromOffset"/>, <paramref name="upperBound"/>) to
    /// <paramref name="destination"/>. True when the answer is complete, false when entries of a later part of the log could still matter
    /// (Kafka: TransactionIndex.collectAbortedTxns).
    /// </summary>
    public bool Collect(long fromOffset, long upperBound, List<AbortedTransaction> destination)
    {
        for (var at = FirstEndingAtOrAfter(fromOffset); at < Count; at++)
        {
            ref readonly var entry = ref _entries[at];
            if (entry.FirstOffset < upperBound)
                destination.Add(entry);
            if (entry.LastStableOffset >= upperBound)
                return true;
        }
        return false;
    }

    /// <summary>
    /// Whether the transactional batch of this producer at <paramref name="offset"/>, which lies below the last stable offset, was aborted. The search
    /// ends at the first marker that left nothing open up to the offset.
    /// </summary>
    public bool IsAborted(long producerId, long offset)
    {
        for (var at = FirstEndingAtOrAfter(offset); at < Count; at++)
        {
            ref readonly var entry = ref _entries[at];
            if (entry.ProducerId == producerId && entry.FirstOffset <= offset)
                return true;
            if (entry.LastStableOffset > offset)
                return false;
        }
        return false;
    }

    /// <summary>The index of the first entry whose marker stands at or after <paramref name="offset"/>.</summary>
    internal int FirstEndingAtOrAfter(long offset)
    {
        var low = 0;
        var high = Count;
        while (low < high)
        {
            var middle = (int)((uint)(low + high) >> 1);
            if (_entries[middle].LastOffset < offset)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
}
