namespace ExactlyOnce.Kernel.Partitions;

/// <summary>An aborted transaction with data in the partition, as Kafka's transaction index has it.</summary>
/// <param name="FirstOffset">Its first data offset here.</param>
/// <param name="LastOffset">The offset of its abort marker.</param>
/// <param name="LastStableOffset">The last stable offset once the marker stands: the oldest transaction still open then, else the offset behind the marker.</param>
internal readonly record struct AbortedTransaction(long ProducerId, long FirstOffset, long LastOffset, long LastStableOffset);

/// <summary>
/// The aborted transactions of a partition in the order of their markers. One writer, under the partition's lock; readers take the published array without one: an entry
/// is in it before the mark that makes its data readable.
/// </summary>
internal sealed class AbortedTransactions
{
    private Published _published = new([], 0);

    public int Count => Volatile.Read(ref _published).Count;

    public AbortedTransaction this[int index] => Volatile.Read(ref _published).Entries[index];

    public void Add(in AbortedTransaction aborted)
    {
        var (entries, count) = _published;
        if (count == entries.Length)
            Array.Resize(ref entries, Math.Max(4, count * 2));
        entries[count] = aborted;
        Volatile.Write(ref _published, new Published(entries, count + 1));
    }

    /// <summary>Forgets entries whose marker lies below <paramref name="offset"/>.</summary>
    public void DropBelow(long offset)
    {
        var kept = ToArray();
        var first = Array.FindIndex(kept, entry => entry.LastOffset >= offset);
        kept = first < 0 ? [] : kept[first..];
        Volatile.Write(ref _published, new Published(kept, kept.Length));
    }

    /// <summary>Whether the data batch of a producer at an offset belongs to an aborted transaction.</summary>
    public bool IsAborted(long producerId, long offset)
    {
        var (entries, count) = Volatile.Read(ref _published);
        for (var i = FirstEndingAt(entries.AsSpan(0, count), offset); i < count; i++)
        {
            if (entries[i].ProducerId == producerId && entries[i].FirstOffset <= offset)
                return true;
            // No later marker can end a transaction that began in front of this one's last stable offset.
            if (entries[i].LastStableOffset > offset)
                return false;
        }
        return false;
    }

    /// <summary>The entries that matter to a reader of [<paramref name="from"/>, <paramref name="upperBound"/>) (Kafka: TransactionIndex.collectAbortedTxns).</summary>
    public void Collect(long from, long upperBound, ICollection<AbortedTransaction> destination)
    {
        var (entries, count) = Volatile.Read(ref _published);
        for (var i = FirstEndingAt(entries.AsSpan(0, count), from); i < count; i++)
        {
            if (entries[i].FirstOffset < upperBound)
                destination.Add(entries[i]);
            if (entries[i].LastStableOffset >= upperBound)
                return;
        }
    }

    public AbortedTransaction[] ToArray()
    {
        var (entries, count) = Volatile.Read(ref _published);
        return entries[..count];
    }

    private static int FirstEndingAt(ReadOnlySpan<AbortedTransaction> entries, long offset)
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

    private sealed record Published(AbortedTransaction[] Entries, int Count);
}
