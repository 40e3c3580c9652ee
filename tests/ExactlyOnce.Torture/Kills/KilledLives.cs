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
    private readonly StreamWriter _said;
    private readonly ImportCheck _import = new();
    private int _incarnation;

    public KilledLives(string folder, Random random, Progress progress)
    {
        (_folder, _random, _progress) = (folder, random, progress);
        _said = new StreamWriter(Path.Combine(folder, "said.txt"));
    }

    public List<string> Failures { get; } = [];

    /// <summary>Starts a child and kills it.</summary>
    public void LiveAndDie()
    {
        var schedule = KillSchedule.Draw(_random);
        using var child = Start(schedule.Point?.ToString() ?? "-", "work");
        _progress.Count("kills");
        var isInTime = schedule.Moment == KillMoment.WhileOpening
            ? child.WaitUntilStarting(s_openingPatience)
            : schedule.Moment == KillMoment.AtPoint || child.WaitUntilWorking(s_openingPatience);
        if (!isInTime)
            Failures.Add($"Life {_incarnation} did not open its directory within {s_openingPatience.TotalSeconds} s.");
        if (child.WaitForExit(schedule.Delay) && schedule.Moment == KillMoment.AtPoint)
            _progress.Count("at named points");
        child.KillAndDrain();
        ExpectKilled(child);
        _progress.Count(schedule.Moment == KillMoment.WhileOpening ? "while opening" : "others", schedule.Moment == KillMoment.AtPoint ? 0 : 1);
        Take(new Observed(NowMs, 0, new BrokerDied(schedule.ToString())));
    }

    /// <summary>The last child reads everything and closes.</summary>
    public void CloseInPeace(TimeSpan patience)
    {
        if (Failures.Count > 0)
            return;
        using var child = Start("-", "close");
        if (!child.WaitForExit(patience) || child.ExitCode != 0)
            Failures.Add($"The last life did not close in peace: {child.Errors}");
        child.KillAndDrain();
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
            Failures.Add($"Life {_incarnation} ended by itself with {child.ExitCode}: {child.Errors}");
    }

    private void OnLine(string line)
    {
        _said.WriteLine(line);
        if (line.StartsWith("failed ", StringComparison.Ordinal))
            Failures.Add($"Life {_incarnation}: {line[7..]}");
        else if (line.StartsWith("imported ", StringComparison.Ordinal))
            Failures.AddRange(_import.CheckLast(long.Parse(line[9..], CultureInfo.InvariantCulture)));
        else
            Take(HistoryLine.Parse(line));
    }

    private void Take(HistoryEvent next)
    {
        Failures.AddRange(_import.Add(next));
        if (next is Completed { Outcome: Outcome.Ok })
            _progress.Count("answers");
    }
}
