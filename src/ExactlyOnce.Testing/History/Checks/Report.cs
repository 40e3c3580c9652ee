using System.Globalization;
using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>Collects violations; adds to each sentence who did it and when.</summary>
internal sealed class Report(HistoryTables tables)
{
    private readonly long[] _counts = new long[(int)Invariant.ResourceBound + 1];
    private HistoryEvent? _current;

    public List<Violation> Violations { get; } = [];

    public long Count { get; private set; }

    public long CountOf(Invariant invariant) => _counts[(int)invariant];

    /// <summary>The event that is being added; null once the history is complete.</summary>
    public void Turn(HistoryEvent? current) => _current = current;

    public void Add(Invariant invariant, string message, params ReadOnlySpan<long> events)
    {
        Count++;
        if (++_counts[(int)invariant] > tables.Options.ViolationsPerInvariantMax)
            return;
        var listed = new List<long>();
        foreach (var index in events)
        {
            if (index >= 0 && index != tables.Now && !listed.Contains(index))
                listed.Add(index);
        }
        if (_current is { } noticed)
        {
            listed.Add(tables.Now);
            message += string.Create(CultureInfo.InvariantCulture, $", noticed at process {noticed.Process}, {noticed.TimeMs} ms");
        }
        Violations.Add(new Violation(invariant, message + ".", listed));
    }
}
