namespace ExactlyOnce.Testing.Tests.History;

/// <summary>An entry of a model partition: a record (plain, or of a transaction) or a marker, whose value is −1.</summary>
internal readonly record struct ModelEntry(long Value, ModelTransaction? Transaction)
{
    public bool IsMarker => Value < 0;
}

/// <summary>A transaction of the model; null while it is open.</summary>
internal sealed class ModelTransaction(long number, int session)
{
    public long Number => number;

    public int Session => session;

    public bool? IsCommitted { get; set; }

    public HashSet<ModelPartition> Partitions { get; } = [];

    public Dictionary<TopicPartition, long> Offsets { get; } = [];
}

/// <summary>A partition as a list.</summary>
internal sealed class ModelPartition(TopicPartition name)
{
    public TopicPartition Name => name;

    public List<ModelEntry> Entries { get; } = [];

    public int LogStart { get; set; }

    public int LastStable => Entries.FindIndex(entry => entry.Transaction is { IsCommitted: null }) is >= 0 and var first ? Math.Max(first, LogStart) : Entries.Count;

    public int LimitFor(bool isCommitted) => isCommitted ? LastStable : Entries.Count;

    public IEnumerable<(int Offset, ModelEntry Entry)> Read(int from, int to, bool isCommitted)
    {
        for (var offset = from; offset < to; offset++)
        {
            var entry = Entries[offset];
            if (!entry.IsMarker && (!isCommitted || entry.Transaction is null or { IsCommitted: true }))
                yield return (offset, entry);
        }
    }
}
