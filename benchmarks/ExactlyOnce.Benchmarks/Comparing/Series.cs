namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>One contestant's figures of one quantity, a value for each round.</summary>
internal sealed record Series(string Contestant, Quantity Quantity, List<double> Values)
{
    public double Median => Statistics.Median(Values);

    /// <summary>The median, and between which values the rounds lay.</summary>
    public override string ToString() => Values.Count == 1
        ? Quantity.Write(Median)
        : $"{Quantity.Write(Median)} ({Quantity.Number(Values.Min())} to {Quantity.Number(Values.Max())})";
}
