using System.Globalization;

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

    /// <summary>A whole number from 1 on; thousands may be set apart with underscores.</summary>
    public long Number(string option, long otherwise)
    {
        if (!Others.TryGetValue(option, out var text))
            return otherwise;
        return long.TryParse(text.Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new TortureOptionException($"--{option} takes a whole number from 1 on, not '{text}'.");
    }

    /// <summary>One of some words; null when the option is not given.</summary>
    public string? Choice(string option, IReadOnlyCollection<string> words)
    {
        var text = Others.GetValueOrDefault(option);
        return text is null || words.Contains(text) ? text : throw new TortureOptionException($"--{option} is one of {string.Join(", ", words)}, not '{text}'.");
    }

    /// <summary><c>--shard i/n</c>: every n-th case from the i-th on. The index of the first case, and how far it is to the next.</summary>
    public (long First, long Step) Shard()
    {
        if (!Others.TryGetValue("shard", out var text))
            return (0, 1);
        var parts = text.Split('/');
        return parts.Length == 2 && long.TryParse(parts[0], CultureInfo.InvariantCulture, out var first) && long.TryParse(parts[1], CultureInfo.InvariantCulture, out var step) &&
            first >= 1 && first <= step
            ? (first - 1, step)
            : throw new TortureOptionException($"--shard is i/n with 1 <= i <= n, not '{text}'.");
    }
}

/// <summary>The command line asks for something that there is not; the message says what there is.</summary>
internal sealed class TortureOptionException(string message) : Exception(message);
