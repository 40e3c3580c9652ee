namespace ExactlyOnce.Testing.History;

/// <summary>What a history was promised.</summary>
public sealed record CheckerOptions
{
    /// <summary>
    /// The broker's durability, which says what a death may take. <see cref="Durability.Flushed"/>: nothing. <see cref="Durability.Written"/>: in a power
    /// cut the end of the log behind the last known durable end, in whole transactions. <see cref="Durability.Memory"/>: everything, also when the broker
    /// is closed.
    /// </summary>
    public Durability Durability { get; init; } = Durability.Flushed;

    /// <summary>
    /// Topics whose superseded records may be missing at any time, also when a crash kept the <see cref="Compacted"/> fact from being recorded.
    /// </summary>
    public IReadOnlySet<string> CompactedTopics { get; init; } = new HashSet<string>();

    /// <summary>
    /// True when the records of a transaction are appended as a whole when it commits. Then the order of the log is the order of the commits, and I20
    /// counts every pair of neighbours in it as a dependency (G0). False when open transactions append as they go, so that their records interleave: then
    /// only pairs that contradict the clock count.
    /// </summary>
    public bool IsLogInCommitOrder { get; init; }

    /// <summary>The most committed transactions that are searched for cycles (I20); a longer history is searched up to there.</summary>
    public int CycleSearchTransactionsMax { get; init; } = 100_000;

    /// <summary>The most violations that are kept of each invariant; all are counted.</summary>
    public int ViolationsPerInvariantMax { get; init; } = 20;
}
