using System.Diagnostics;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// The aborted index of one partition, in order of markers. The partition's owner writes, under its lock; readers need none: they take
/// <see cref="Published"/> and read what cannot change any more.
/// </summary>
/// <remarks>
/// An array slot is written once, before the state that counts it is published by a volatile store, and never again: dropping copies. So a reader that
/// loads the published state sees every element it counts, and an older state stays true for whoever still holds it.
/// </remarks>
internal sealed class AbortedTransactions
{
    private const int FirstCapacity = 4;

    private volatile AbortedIndex _published = AbortedIndex.Empty;

    /// <summary>The newest state; safe from any thread.</summary>
    public AbortedIndex Published => _published;

    public int Count => _published.Count;

    /// <inheritdoc cref="AbortedIndex.Collect"/>
    public bool Collect(long fromOffset, long upperBound, List<AbortedTransaction> destination) =>
        _published.Collect(fromOffset, upperBound, destination);

    /// <inheritdoc cref="AbortedIndex.IsAborted"/>
    public bool IsAborted(long producerId, long offset) => _published.IsAborted(producerId, offset);

    /// <summary>Appends an entry; markers only ever move forward. Owner only.</summary>
    public void Add(in AbortedTransaction entry)
    {
        var current = _published;
        Debug.Assert(current.Count == 0 || current.Entries[^1].LastOffset < entry.LastOffset, "Entries come in order of their markers.");
        var storage = current.Storage;
        if (current.Count == storage.Length)
            Array.Resize(ref storage, Math.Max(FirstCapacity, storage.Length * 2));
        storage[current.Count] = entry;
        _published = new AbortedIndex(storage, current.Count + 1);
    }

    /// <summary>
    /// Forgets the entries whose marker lies below <paramref name="offset"/>: no reader asks about them, or a segment's index answers. Owner only.
    /// </summary>
    public void DropBelow(long offset)
    {
        var current = _published;
        var dropped = current.FirstEndingAtOrAfter(offset);
        if (dropped == 0)
            return;
        var kept = current.Entries[dropped..].ToArray();
        _published = new AbortedIndex(kept, kept.Length);
    }

    [Conditional("DEBUG")]
    public void AssertInvariants(long logEndOffset)
    {
        var previous = -1L;
        foreach (ref readonly var entry in _published.Entries)
        {
            Debug.Assert(entry.LastOffset > previous, "Entries are sorted by their markers.");
            Debug.Assert(entry.FirstOffset < entry.LastOffset, "Data stands before its marker.");
            Debug.Assert(entry.LastStableOffset <= entry.LastOffset + 1, "Nothing is stable beyond the marker.");
            previous = entry.LastOffset;
        }
        Debug.Assert(previous < logEndOffset, "A marker stands in the log.");
    }
}
