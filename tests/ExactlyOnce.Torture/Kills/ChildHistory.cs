using System.Text;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Kills;

/// <summary>
/// Where a child reports to: its standard output, a line an event, in the pipe before the call goes on. The pipe outlives the child. Numbers of processes,
/// calls, transactions and values carry the child's incarnation, so that none stands for two things. Thread-safe.
/// </summary>
internal sealed class ChildHistory(int incarnation) : IHistory
{
    private const long NumbersOfIncarnation = 10_000_000;
    private const int ProcessesOfIncarnation = 100;

    private readonly Lock _lock = new();
    private readonly Stream _output = Console.OpenStandardOutput();
    private long _lastNumber;

    public int Incarnation => incarnation;

    private static long NowMs => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    /// <summary>A number that is used for one call, one transaction or one value.</summary>
    public long NextNumber() => incarnation * NumbersOfIncarnation + Interlocked.Increment(ref _lastNumber);

    public int ProcessOf(int actor) => incarnation * ProcessesOfIncarnation + actor;

    public void Add(HistoryEvent next) => Say(HistoryLine.Format(next));

    public long Invoke(int actor, Call call)
    {
        var operation = NextNumber();
        Add(new Invoked(NowMs, ProcessOf(actor), operation, call));
        return operation;
    }

    public void Complete(int actor, long operation, Outcome outcome = Outcome.Ok, Answer? answer = null, string? error = null) =>
        Add(new Completed(NowMs, ProcessOf(actor), operation, outcome, answer, error));

    public void Observe(Fact fact) => Add(new Observed(NowMs, ProcessOf(0), fact));

    /// <summary>A line for the parent that is no event: what goes on, or what went wrong.</summary>
    public void Say(string line)
    {
        var bytes = Encoding.UTF8.GetBytes(line + "\n");
        lock (_lock)
        {
            _output.Write(bytes);
            _output.Flush();
        }
    }
}
