using System.Diagnostics;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// The producers one partition remembers, by id and in order of activity, to the millisecond. Bounded: a new producer over the limit takes the place of the
/// longest idle one that is not inside a transaction; when all are inside one, the table grows. Owned by the <see cref="PartitionState"/>.
/// </summary>
internal sealed class ProducerTable(int batchWindow, int maximumProducers)
{
    private readonly Dictionary<long, ProducerEntry> _entries = [];

    public int Count => _entries.Count;

    /// <summary>The entry touched least recently; <see cref="ProducerEntry.MoreRecent"/> leads through all of them.</summary>
    public ProducerEntry? LeastRecent { get; private set; }

    /// <summary>The entry moved last. A producer mostly follows itself, so it is also where every search begins.</summary>
    public ProducerEntry? MostRecent { get; private set; }

    public ProducerEntry? Find(long producerId) =>
        MostRecent is { } recent && recent.Id == producerId ? recent : _entries.GetValueOrDefault(producerId);

    /// <summary>The producer's entry, created when there is none. Eviction follows from the state alone, so that replay forgets the same producers.</summary>
    public ProducerEntry FindOrAdd(long producerId)
    {
        if (Find(producerId) is { } known)
            return known;
        MakeRoom();
        return Restore(producerId);
    }

    /// <summary>Adds a producer as the most recent one and evicts nobody: a snapshot is restored whole, also under a smaller limit.</summary>
    public ProducerEntry Restore(long producerId)
    {
        var entry = new ProducerEntry(producerId, batchWindow);
        _entries.Add(producerId, entry);
        LinkAsMostRecent(entry);
        return entry;
    }

    /// <summary>
    /// Moves the entry to the end that is used last; call before it learns of <paramref name="nowMs"/>. Once per millisecond is enough to know who
    /// is idle longest, and producers that take turns are spared the relinking.
    /// </summary>
    public void Touch(ProducerEntry entry, long nowMs)
    {
        if (entry.LastActiveMs == nowMs || ReferenceEquals(entry, MostRecent))
            return;
        Unlink(entry);
        LinkAsMostRecent(entry);
    }

    public void Remove(ProducerEntry entry)
    {
        Debug.Assert(entry.IsIdle, "A producer inside a transaction is not forgotten.");
        _entries.Remove(entry.Id);
        Unlink(entry);
    }

    [Conditional("DEBUG")]
    public void AssertInvariants()
    {
        var count = 0;
        ProducerEntry? previous = null;
        for (var entry = LeastRecent; entry is not null; previous = entry, entry = entry.MoreRecent, count++)
        {
            Debug.Assert(ReferenceEquals(entry.LessRecent, previous), "The list by activity is linked both ways.");
            Debug.Assert(ReferenceEquals(_entries.GetValueOrDefault(entry.Id), entry), "Every listed producer is found by its id.");
            Debug.Assert(entry.Window.Count <= batchWindow, "The window has its bound.");
            Debug.Assert(!entry.HasOpenTransaction || entry.Epoch != ProducerIdentity.NoEpoch, "Open data has an epoch.");
        }
        Debug.Assert(ReferenceEquals(MostRecent, previous), "The list by activity ends at the most recent.");
        Debug.Assert(count == _entries.Count, "Every producer is listed once.");
    }

    // One pass from the longest idle on; it takes more than one producer only after the limit was lowered.
    private void MakeRoom()
    {
        var entry = LeastRecent;
        while (entry is not null && _entries.Count >= maximumProducers)
        {
            var next = entry.MoreRecent;
            if (entry.IsIdle)
                Remove(entry);
            entry = next;
        }
    }

    private void LinkAsMostRecent(ProducerEntry entry)
    {
        entry.LessRecent = MostRecent;
        if (MostRecent is null)
            LeastRecent = entry;
        else
            MostRecent.MoreRecent = entry;
        MostRecent = entry;
    }

    private void Unlink(ProducerEntry entry)
    {
        if (entry.LessRecent is null)
            LeastRecent = entry.MoreRecent;
        else
            entry.LessRecent.MoreRecent = entry.MoreRecent;
        if (entry.MoreRecent is null)
            MostRecent = entry.LessRecent;
        else
            entry.MoreRecent.LessRecent = entry.LessRecent;
        entry.LessRecent = null;
        entry.MoreRecent = null;
    }
}
