namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>A row as it was measured, or why it was not.</summary>
internal sealed record RowResult(Row Row, IReadOnlyList<Contestant> Contestants, IReadOnlyList<Series> Series, string? Failure = null)
{
    public IReadOnlyList<BarOutcome> Bars { get; } = Failure is null ? [.. Row.Bars.Select(bar => bar.Judge(Series))] : [];

    public bool IsMet => Failure is null && Bars.All(bar => bar.IsMet);

    public static RowResult NotMeasured(Row row, string failure) => new(row, [], [], failure);

    /// <summary>One line for each thing that falls short.</summary>
    public IEnumerable<string> Shortfalls => Failure is not null
        ? [$"not measured: {Row.Name} {Failure}"]
        : Bars.Where(bar => !bar.IsMet).Select(bar => $"below bar: {Row.Name} {bar.Reached} (asked {bar.Bar.Asked})");
}
