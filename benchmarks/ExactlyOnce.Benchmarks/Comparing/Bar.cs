namespace ExactlyOnce.Benchmarks.Comparing;

internal enum BarKind
{
    /// <summary>Ours ÷ the other's is at least the limit.</summary>
    RatioAtLeast,

    /// <summary>Ours ÷ the other's, both times, is at most the limit.</summary>
    RatioAtMost,

    /// <summary>What ours is slower than the other, in percent, is at most the limit.</summary>
    CostAtMost,

    /// <summary>The figure itself is at least the limit.</summary>
    AtLeast,

    /// <summary>The figure itself is at most the limit.</summary>
    AtMost,
}

/// <summary>
/// What a row has to reach. Ratios and costs are medians of the rounds' own ratios: the two figures of a round were taken one right after the other.
/// </summary>
/// <param name="Of">Whose figure is judged; null for the row's first contestant.</param>
/// <param name="Against">Whose figure it is compared with; null where the figure is judged by itself.</param>
internal sealed record Bar(BarKind Kind, Quantity Quantity, double Limit, string? Of = null, string? Against = null)
{
    public static Bar Times(Quantity quantity, double limit, string against, string? of = null) => new(BarKind.RatioAtLeast, quantity, limit, of, against);

    public static Bar TimeOf(Quantity quantity, double limit, string against) => new(BarKind.RatioAtMost, quantity, limit, null, against);

    public static Bar Cost(Quantity quantity, double percent, string against, string? of = null) => new(BarKind.CostAtMost, quantity, percent, of, against);

    public static Bar AtLeast(Quantity quantity, double limit) => new(BarKind.AtLeast, quantity, limit);

    public static Bar AtMost(Quantity quantity, double limit) => new(BarKind.AtMost, quantity, limit);

    /// <summary>What is asked.</summary>
    public string Asked => Kind switch
    {
        BarKind.RatioAtLeast => $"≥ {Limit} × {Against}",
        BarKind.RatioAtMost => $"≤ {Limit} × the time of {Against}",
        BarKind.CostAtMost => $"{(Of is null ? "" : Of + ": ")}cost ≤ {Limit} %",
        BarKind.AtLeast => $"≥ {Quantity.Write(Limit)}",
        _ => $"≤ {Quantity.Write(Limit)}",
    };

    /// <summary>What was reached, in the bar's own terms, by a row's series.</summary>
    public BarOutcome Judge(IReadOnlyList<Series> series)
    {
        var ours = series.First(candidate => candidate.Quantity == Quantity && (Of is null || candidate.Contestant == Of));
        var reached = Against is null ? ours.Median : Statistics.Median(RatiosTo(series, ours));
        var value = Kind == BarKind.CostAtMost ? (1 - reached) * 100 : reached;
        var isMet = Kind is BarKind.RatioAtLeast or BarKind.AtLeast ? value >= Limit : value <= Limit;
        return new BarOutcome(this, value, isMet);
    }

    private IReadOnlyList<double> RatiosTo(IReadOnlyList<Series> series, Series ours)
    {
        var theirs = series.First(candidate => candidate.Quantity == Quantity && candidate.Contestant == Against);
        return [.. ours.Values.Zip(theirs.Values, static (our, their) => our / their)];
    }
}

/// <summary>What became of a bar.</summary>
internal sealed record BarOutcome(Bar Bar, double Value, bool IsMet)
{
    public string Reached => Bar.Kind switch
    {
        BarKind.RatioAtLeast or BarKind.RatioAtMost => $"{Quantity.Number(Value)} ×",
        BarKind.CostAtMost => $"{Value:N1} %",
        _ => Bar.Quantity.Write(Value),
    };
}
