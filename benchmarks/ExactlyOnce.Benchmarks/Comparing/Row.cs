namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>One line of the comparison: who does what, and what we have to reach.</summary>
/// <param name="Name">For the command line and for the line that says that it falls short.</param>
/// <param name="Title">What is done.</param>
internal sealed record Row(string Name, string Title)
{
    /// <summary>Makes what the row needs, untimed.</summary>
    public required Func<Scale, Task<Contest>> OpenAsync { get; init; }

    public required IReadOnlyList<Bar> Bars { get; init; }

    /// <summary>What a reader must know to argue with the figures.</summary>
    public string Note { get; init; } = "";

    /// <summary>Costs of a few percent need more and shorter rounds than ratios of two.</summary>
    public int RoundsTimes { get; init; } = 1;

    /// <summary>Where a round takes long, or its figures hardly differ.</summary>
    public int RoundsMax { get; init; } = int.MaxValue;

    /// <summary>What happens once in the life of a process has no steady state and needs no warming.</summary>
    public bool IsWarmed { get; init; } = true;

    /// <summary>Bytes that must be free on the disk; 0 when nothing much is written.</summary>
    public Func<Scale, long> DiskBytes { get; init; } = static _ => 0;
}
