namespace ExactlyOnce.Testing.History;

/// <summary>
/// One thing that happened while a broker was used, in the order in which it happened. Calls appear twice: as <see cref="Invoked"/> and, when an answer came,
/// as <see cref="Completed"/>; a call whose caller died, or that was still running at the end, has no answer and its outcome is unknown.
/// </summary>
/// <param name="TimeMs">When, in Unix milliseconds of the run's clock (virtual in a simulation).</param>
/// <param name="Process">The client: a number that never stands for two clients, also over restarts.</param>
public abstract record HistoryEvent(long TimeMs, int Process);

/// <summary>A call begins.</summary>
/// <param name="Operation">A number that never stands for two calls.</param>
/// <param name="Call">What was asked.</param>
public sealed record Invoked(long TimeMs, int Process, long Operation, Call Call) : HistoryEvent(TimeMs, Process);

/// <summary>The answer to a call.</summary>
/// <param name="Operation">The call's number.</param>
/// <param name="Outcome">Whether it took effect.</param>
/// <param name="Answer">What was answered; null when nothing but the outcome was.</param>
/// <param name="Error">The error's name when the outcome is not <see cref="Outcome.Ok"/>; for people.</param>
public sealed record Completed(long TimeMs, int Process, long Operation, Outcome Outcome, Answer? Answer = null, string? Error = null)
    : HistoryEvent(TimeMs, Process);

/// <summary>Something that was not asked for by a call: the broker opened or died, a member was given partitions, a number was read.</summary>
/// <param name="Fact">What.</param>
public sealed record Observed(long TimeMs, int Process, Fact Fact) : HistoryEvent(TimeMs, Process);

/// <summary>What a caller knows about a call.</summary>
public enum Outcome
{
    /// <summary>It took effect.</summary>
    Ok,

    /// <summary>It did not take effect, and never will.</summary>
    Failed,

    /// <summary>Perhaps.</summary>
    Unknown,
}
