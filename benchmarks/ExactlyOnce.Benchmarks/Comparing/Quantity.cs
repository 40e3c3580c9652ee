namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>What a contestant counts, and how a figure of it is written.</summary>
internal sealed record Quantity(string Unit)
{
    public static readonly Quantity Records = new("records/s");
    public static readonly Quantity Bytes = new("B/s");
    public static readonly Quantity Commits = new("commits/s");
    public static readonly Quantity Latency = new("µs p50");
    public static readonly Quantity Latency90 = new("µs p90");
    public static readonly Quantity Latency99 = new("µs p99");
    public static readonly Quantity Latency999 = new("µs p99.9");
    public static readonly Quantity LatencyMost = new("µs at most");
    public static readonly Quantity Nanoseconds = new("ns");
    public static readonly Quantity Allocated = new("B allocated each");
    public static readonly Quantity Threads = new("threads");
    public static readonly Quantity Memory = new("MiB");
    public static readonly Quantity ProcessorTime = new("ns of processor time each, client and server");
    public static readonly Quantity Kibibytes = new("KiB each");
    public static readonly Quantity Processor = new("% of a core");
    public static readonly Quantity Seconds = new("s");
    public static readonly Quantity SecondsPerJournal = new("s for each 256 MiB of journal");
    public static readonly Quantity Journal = new("MiB of journal");

    /// <summary>The figure with its unit.</summary>
    public string Write(double value) => $"{Number(value)} {Unit}";

    /// <summary>Three digits that mean something.</summary>
    public static string Number(double value) => Math.Abs(value) switch
    {
        >= 1e9 => $"{value / 1e9:N2} G",
        >= 1e6 => $"{value / 1e6:N2} M",
        >= 1e3 => $"{value:N0}",
        >= 100 => $"{value:N0}",
        >= 10 => $"{value:N1}",
        >= 1 or 0 => $"{value:N2}",
        _ => $"{value:N3}",
    };
}

/// <summary>One figure of one round.</summary>
internal readonly record struct Figure(Quantity Quantity, double Value);
