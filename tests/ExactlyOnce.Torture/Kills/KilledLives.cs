using System.Globalization;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Torture.Kills;

/// <summary>One directory, the children that live on it one after the other, and everything they said, checked while they say it.</summary>
internal sealed class KilledLives : IDisposable
{
    private static readonly TimeSpan s_openingPatience = TimeSpan.FromSeconds(60);

    private readonly string _folder;
    private readonly Random _random;
    private readonly Progress _progress;
    private readonly ReachedPoints _reached;
    private readonly StreamWriter _said;
    private readonly ImportCheck _import = new();
    private readonly HistoryChecker _checker = new(new CheckerOptions { CompactedTopics = new HashSet<string> { KillTopics.Keyed.Name } });
    private readonly HashSet<long> _undecided = [];
    private readonly Lock _lock = new();
    private readonly List<string> _failures = [];
    private int _incarnation;

    public KilledLives(string folder, Random random, Progress progress, ReachedPoints reached)
    {
        (_folder, _random, _progress, _reached) = (folder, random, progress, reached);
        _said = new StreamWriter(Path.Combine(folder, "said.txt"));
    }

    /// <summary>What went wrong so far.</summary>
    public IReadOnlyList<string> Failures
    {
        get
        {
            lock (_lock)
                return [.. _failures, .. _checker.Violations.Select(violation => violation.ToString())];
        }
    }

    /// <summary>Starts a child and kills it.</summary>
    public void LiveAndDie()
    {
        var schedule = KillSchedule.Draw(_random);
        using var child = Start(schedule.Point?.ToString() ?? "-", "work");
        var isInTime = schedule.Moment == KillMoment.WhileOpening
            ? child.WaitUntilStarting(s_openingPatience)
            : child.WaitUntilWorking(s_openingPatience);
        if (!isInTime)
            Fail($"did not open its directory within {s_openingPatience.TotalSeconds} s");
        var isAtPoint = child.WaitForExit(schedule.Delay) && schedule.Moment == KillMoment.AtPoint;
        child.KillAndDrain();
        ExpectKilled(child);
        _progress.Count("kills");
        _progress.Count(isAtPoint ? "at named points" : child.IsWorking ? "at work" : "while opening");
        if (isAtPoint)
            _reached.Add(schedule.Point!);
        Take(new Observed(NowMs, 0, new BrokerDied(schedule.ToString(), Death.Power)));
    }

    /// <summary>The last child reads everything and closes; then the history is whole.</summary>
    public void CloseInPeace(TimeSpan patience)
    {
        if (Failures.Count > 0)
            return;
        using var child = Start("-", "close");
        if (!child.WaitForExit(patience) || child.ExitCode != 0)
            Fail($"did not close in peace: {child.Errors}");
        child.KillAndDrain();
        lock (_lock)
            _checker.Complete();
    }

    public void Dispose() => _said.Dispose();

    private static long NowMs => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();

    private ChildProcess Start(string point, string task)
    {
        ChildFolders.EmptyLimbo(_folder);
        _incarnation++;
        return new ChildProcess(
            [KillChild.Name, _folder, _incarnation.ToString(CultureInfo.InvariantCulture), _random.Next().ToString(CultureInfo.InvariantCulture), point, task], OnLine);
    }

    // A child that ended otherwise was refused by the broker, or crashed on its own.
    private void ExpectKilled(ChildProcess child)
    {
        const int KilledBySignal = 128 + 9;
        if (child.ExitCode != KilledBySignal)
            Fail($"ended by itself with {child.ExitCode}: {child.Errors}");
    }

    private void OnLine(string line)
    {
        _said.WriteLine(line);
        if (line.StartsWith("failed ", StringComparison.Ordinal))
            Fail(line[7..]);
        else if (line.StartsWith("imported ", StringComparison.Ordinal))
            FailAll(_import.CheckLast(long.Parse(line[9..], CultureInfo.InvariantCulture)));
        else
            Take(HistoryLine.Parse(line));
    }

    private void Take(HistoryEvent next)
    {
        FailAll(_import.Add(next));
        lock (_lock)
        {
            _checker.Add(next);
            AbortOfTheDead(next);
        }
        if (next is Completed { Outcome: Outcome.Ok })
            _progress.Count("answers");
    }

    /// <summary>A transaction whose commit nobody asked for died with its process: the broker aborts it when it opens.</summary>
    private void AbortOfTheDead(HistoryEvent next)
    {
        switch (next)
        {
            case Invoked { Call: BeginTransaction begin }:
                _undecided.Add(begin.Transaction);
                break;
            case Invoked { Call: EndTransaction end }:
                _undecided.Remove(end.Transaction);
                break;
            case Observed { Fact: BrokerOpened }:
                foreach (var transaction in _undecided)
                    _checker.Add(new Observed(next.TimeMs, 0, new TransactionAborted(transaction, "its process died")));
                _undecided.Clear();
                break;
        }
    }

    private void Fail(string what) => FailAll([$"Life {_incarnation} {what}"]);

    private void FailAll(IEnumerable<string> found)
    {
        lock (_lock)
            _failures.AddRange(found);
    }
}
