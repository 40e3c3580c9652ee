using System.Globalization;

namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>What may be asked of a producer that writes to one partition. Every record has a value of its own.</summary>
internal abstract record AccumulatorStep
{
    private static long s_lastValue;

    public string Value { get; } = Interlocked.Increment(ref s_lastValue).ToString(CultureInfo.InvariantCulture);

    /// <summary>Waits for the acknowledgement.</summary>
    internal sealed record Send : AccumulatorStep;

    /// <summary>Waits for nothing.</summary>
    internal sealed record Post : AccumulatorStep;

    internal sealed record Flush : AccumulatorStep;

    /// <summary>By a consumer.</summary>
    internal sealed record Read : AccumulatorStep;
}
