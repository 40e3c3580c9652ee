namespace ExactlyOnce.Testing.Simulation.Clients;

/// <summary>
/// What named producers were asked to import, and what the broker said it has: of every number up to the last one, exactly one record, and of no number two.
/// The history has no word for source numbers, so this is checked beside it.
/// </summary>
internal sealed class SourceLedger
{
    private readonly Dictionary<string, Source> _sources = [];

    public void Asked(string name, long number, long value, TopicPartition partition)
    {
        var attempts = Of(name).Attempts;
        if (!attempts.TryGetValue(number, out var known))
            attempts.Add(number, known = []);
        known.Add((value, partition));
    }

    public void Opened(string name, long last)
    {
        var source = Of(name);
        if (last < source.Last)
            throw new SimulationFailedException("named", $"'{name}' had sequence {source.Last} and now has {last}.");
        source.Last = last;
    }

    /// <param name="isVisible">Whether a committed reader sees the value.</param>
    /// <param name="isWhole">Whether everything ever visible in the partition still is.</param>
    public void Check(Func<long, bool> isVisible, Func<TopicPartition, bool> isWhole)
    {
        foreach (var (name, source) in _sources)
            foreach (var (number, attempts) in source.Attempts)
            {
                var visible = attempts.Count(attempt => isVisible(attempt.Value));
                if (visible > 1)
                    throw new SimulationFailedException("named", $"Sequence {number} of '{name}' is visible {visible} times.");
                if (number <= source.Last && visible == 0 && attempts.TrueForAll(attempt => isWhole(attempt.Partition)))
                    throw new SimulationFailedException("named", $"The broker remembers sequence {source.Last} of '{name}', and {number} is not in the log.");
            }
    }

    private Source Of(string name)
    {
        if (!_sources.TryGetValue(name, out var source))
            _sources.Add(name, source = new Source());
        return source;
    }

    private sealed class Source
    {
        public long Last { get; set; } = -1;

        public SortedDictionary<long, List<(long Value, TopicPartition Partition)>> Attempts { get; } = [];
    }
}
