namespace ExactlyOnce.Testing;

/// <summary>How a <see cref="TestBroker"/> works.</summary>
public sealed class TestBrokerOptions
{
    /// <summary>When the test begins, on its own clock. Default the first of January 2026, UTC.</summary>
    public DateTimeOffset StartTime { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>What everything random is drawn from: ids, and what is made of them. The same seed gives the same ids.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>
    /// Whether <see cref="TestBroker.History"/> is kept, a few hundred bytes for every record. Default true; false for tests with millions of records.
    /// </summary>
    public bool KeepsHistory { get; set; } = true;

    /// <summary>
    /// How long, on the real clock, <see cref="TestBroker.RunUntilIdleAsync(CancellationToken)"/> waits for a handler that does not return before it fails and
    /// says which one. It decides nothing else, and does not count while a debugger is attached. Default 30 seconds.
    /// </summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Sets options of the broker itself: codecs, strictness, whether topics are created by use.</summary>
    public Action<BrokerOptions>? ConfigureBroker { get; set; }
}
