namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>
/// Somebody who does a row's work, measured once a round. Each verifies what it did (records, bytes, commits) and throws when something is missing, so that
/// nothing is won by
/// losing records.
/// </summary>
/// <param name="Name">As the table calls it.</param>
/// <param name="MeasureAsync">Does the given share of a round's work, 1 for all of it, and answers the figures.</param>
/// <param name="Lacks">What it does not do that we do; empty for ourselves.</param>
internal sealed record Contestant(string Name, Func<double, Task<Figure[]>> MeasureAsync, string Lacks = "");
