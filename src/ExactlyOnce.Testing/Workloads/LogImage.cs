namespace ExactlyOnce.Testing.Workloads;

/// <summary>What readers see: topics, records by partition and offset, log starts, groups' committed offsets, prepared transactions by their ids.</summary>
internal sealed class LogImage
{
    public SortedDictionary<(string Topic, int Partition, long Offset), string> Records { get; } = [];

    /// <summary>Partitions of each topic.</summary>
    public SortedDictionary<string, int> Topics { get; } = new(StringComparer.Ordinal);

    public Dictionary<TopicPartition, long> Starts { get; } = [];

    /// <summary>Offsets that the pipeline has committed.</summary>
    public Dictionary<TopicPartition, long> Committed { get; } = [];

    /// <summary>Offsets that the readers' group has committed.</summary>
    public Dictionary<TopicPartition, long> Noted { get; } = [];

    public Dictionary<string, string> Prepared { get; } = [];

    public void Add(TopicPartition partition, long offset, string value) => Records.Add((partition.Topic, partition.Partition, offset), value);

    public bool IsSameAs(LogImage other) =>
        Records.SequenceEqual(other.Records) && Topics.SequenceEqual(other.Topics) && IsSame(Starts, other.Starts) && IsSame(Committed, other.Committed) &&
        IsSame(Noted, other.Noted) && IsSame(Prepared, other.Prepared);

    private static bool IsSame<TKey, TValue>(Dictionary<TKey, TValue> these, Dictionary<TKey, TValue> those)
        where TKey : notnull => these.Count == those.Count && these.All(pair => those.TryGetValue(pair.Key, out var value) && Equals(value, pair.Value));
}
