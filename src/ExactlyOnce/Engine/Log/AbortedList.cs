using System.Diagnostics;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The aborted transactions whose markers are not in a segment's index yet: all of them in memory, those since the last checkpoint on disk. One writer, the
/// partition under its lock; readers take no lock. A view holds the list it was published with, and a swap makes a new list instead of cutting this one:
/// a reader with an older view still finds every entry below the limit it was given.
/// </summary>
internal sealed class AbortedList
{
    private AbortedEntry[] _entries = [];
    private int _count;

    public AbortedList()
    {
    }

    /// <summary>A list that begins with <paramref name="entries"/>, ordered by their last offset.</summary>
    public AbortedList(ReadOnlySpan<AbortedEntry> entries)
    {
        _entries = entries.ToArray();
        _count = entries.Length;
    }

    /// <summary>The entries published so far. Take it after the limit up to which is read.</summary>
    public ReadOnlySpan<AbortedEntry> Entries
    {
        get
        {
            // Count before array: the array read afterwards is the one that count was published with, or a longer copy of it.
            var count = Volatile.Read(ref _count);
            return Volatile.Read(ref _entries).AsSpan(0, count);
        }
    }

    public void Add(in AbortedEntry entry)
    {
        var count = _count;
        Debug.Assert(count == 0 || _entries[count - 1].LastOffset < entry.LastOffset, "Markers are appended in the order of their offsets.");
        if (count == _entries.Length)
        {
            var longer = new AbortedEntry[Math.Max(4, count * 2)];
            _entries.AsSpan().CopyTo(longer);
            Volatile.Write(ref _entries, longer);
        }
        _entries[count] = entry;
        Volatile.Write(ref _count, count + 1);
    }

    /// <summary>
    /// A new list of the entries whose marker stands at or above <paramref name="offset"/>: what is left when the rest went to files, or away.
    /// </summary>
    public AbortedList From(long offset) => new(Entries[AbortedLookup.FirstAtOrAbove(Entries, offset)..]);
}
