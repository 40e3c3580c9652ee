namespace ExactlyOnce.Torture;

/// <summary>One way of trying to break the broker.</summary>
internal interface ITorture
{
    /// <summary>What it does, in a line for <c>--help</c>.</summary>
    string Summary { get; }

    /// <summary>
    /// Runs to its end and answers what went wrong: nothing, if all is well. Reports what it counts through <paramref name="progress"/> while it runs.
    /// </summary>
    IReadOnlyList<string> Run(TortureOptions options, Progress progress);
}
