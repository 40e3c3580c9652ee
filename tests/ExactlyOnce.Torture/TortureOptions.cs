namespace ExactlyOnce.Torture;

/// <summary>What the command line says. Options that only one torture knows stand in <see cref="Others"/>, without their dashes.</summary>
internal sealed record TortureOptions
{
    /// <summary>The seed to begin with; a torture without chance ignores it.</summary>
    public ulong? Seed { get; init; }

    /// <summary>When to stop, at the latest.</summary>
    public TimeSpan? Limit { get; init; }

    /// <summary>How many cases (crashes, kills, executions) to reach.</summary>
    public long? Cases { get; init; }

    public IReadOnlyDictionary<string, string> Others { get; init; } = new Dictionary<string, string>();

    /// <summary>True when an option without a value was given.</summary>
    public bool Has(string option) => Others.ContainsKey(option);
}
