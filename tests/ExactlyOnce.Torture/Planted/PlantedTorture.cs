using System.Globalization;
using System.Text.RegularExpressions;

namespace ExactlyOnce.Torture.Planted;

/// <summary>
/// Who guards the guards: bugs are planted in the core, one at a time, and the simulator, the exhaustive runs and the tests must each say whether they see it. A bug that nobody
/// sees is a hole in the proof.
/// </summary>
internal sealed partial class PlantedTorture : ITorture
{
    private const int SeedsByDefault = 1000;

    /// <summary>Many times what a judge needs: a bug that makes one wait for ever is seen.</summary>
    private static readonly TimeSpan s_judgeTimeout = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan s_soundTimeout = TimeSpan.FromMinutes(20);

    public string Summary => "bugs planted in a copy of the core, one at a time; who sees them, after how many seeds. --only NAME, --judges simulator,exhaustive,tests, --seeds N (1000)";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var judges = options.Others.GetValueOrDefault("judges", "simulator,exhaustive,tests").Split(',');
        var seeds = (int)options.Number("seeds", SeedsByDefault);
        var only = options.Others.GetValueOrDefault("only", "");
        var bugs = PlantedBugs.ReadAll().Where(bug => bug.Name.Contains(only, StringComparison.Ordinal)).ToArray();
        using var garden = new Garden();
        var tests = judges.Contains("tests") ? garden.CopyProgram("tests/ExactlyOnce.Tests", TestFolder()) : null;
        var scores = new List<Score>();
        var failures = new List<string>();
        if (JudgeSound(garden, judges, bugs, seeds, tests) is { } complaint)
            return [complaint];
        foreach (var bug in bugs)
        {
            if (garden.Plant(bug, tests is null ? [garden.TortureFolder] : [garden.TortureFolder, tests]) is { } error)
            {
                failures.Add($"{bug.Name} does not compile: {error}");
                continue;
            }
            var score = Judge(garden, judges, bug, seeds, tests, s_judgeTimeout);
            scores.Add(score);
            progress.Count("planted");
            progress.Count("killed", score.IsKilled ? 1 : 0);
            progress.Print(score.ToString());
            if (!score.IsKilled)
                failures.Add($"{bug.Name} lives: {bug.Defect}");
        }
        PrintMedian(scores, progress);
        return failures;
    }

    /// <summary>Without a bug nobody may complain, or the score would be worth nothing.</summary>
    private static string? JudgeSound(Garden garden, string[] judges, PlantedBug[] bugs, int seeds, string? tests)
    {
        if (garden.Plant(null, tests is null ? [garden.TortureFolder] : [garden.TortureFolder, tests]) is { } error)
            return $"The core does not compile without a bug: {error}";
        var filters = bugs.SelectMany(bug => bug.Tests.Split('|', StringSplitOptions.RemoveEmptyEntries)).Distinct().Order(StringComparer.Ordinal);
        var sound = new PlantedBug("none", "", "", string.Join('|', filters), "", "");
        var score = Judge(garden, judges, sound, seeds, tests, s_soundTimeout);
        return score.IsKilled ? $"The judges complain about a core without a bug: {score}" : null;
    }

    private static Score Judge(Garden garden, string[] judges, PlantedBug bug, int seeds, string? tests, TimeSpan timeout)
    {
        var score = new Score(bug.Name);
        if (judges.Contains("simulator"))
        {
            var (exitCode, output) = RunTorture(garden, timeout, "simulate", "--first", "1", "--seeds", seeds.ToString(CultureInfo.InvariantCulture), "--no-shrink");
            score = score with { SimulatorSeeds = exitCode == 0 ? null : FailedSeed(output), IsKilledBySimulator = exitCode != 0 };
        }
        if (judges.Contains("exhaustive"))
            score = score with { IsKilledByExhaustive = RunTorture(garden, timeout, "exhaustive", "--length", "1").ExitCode != 0 };
        if (tests is not null && bug.Tests.Length > 0)
            score = score with { IsKilledByTests = RunTests(tests, bug.Tests, timeout) != 0 };
        return score;
    }

    private static (int ExitCode, string Output) RunTorture(Garden garden, TimeSpan timeout, params string[] arguments) =>
        Garden.Run("dotnet", [Path.Combine(garden.TortureFolder, "ExactlyOnce.Torture.dll"), .. arguments], timeout);

    private static int RunTests(string folder, string filter, TimeSpan timeout) =>
        Garden.Run("dotnet", ["test", Path.Combine(folder, "ExactlyOnce.Tests.dll"), "--filter", filter, "-v", "q", "--", "xUnit.StopOnFail=true"], timeout).ExitCode;

    private static long? FailedSeed(string output) =>
        SeedPattern().Match(output) is { Success: true } match ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    // The tests are judged as they are built: Release if there is one, as this program.
    private static string TestFolder()
    {
        var folder = Path.Combine(PlantedBugs.RepositoryRoot, "tests/ExactlyOnce.Tests/bin/Release/net10.0");
        return Directory.Exists(folder) ? folder : Path.Combine(PlantedBugs.RepositoryRoot, "tests/ExactlyOnce.Tests/bin/Debug/net10.0");
    }

    private static void PrintMedian(List<Score> scores, Progress progress)
    {
        var seeds = scores.Select(score => score.SimulatorSeeds).OfType<long>().Order().ToArray();
        progress.Print(string.Create(
            CultureInfo.InvariantCulture,
            $"simulator {scores.Count(score => score.IsKilledBySimulator)}, exhaustive {scores.Count(score => score.IsKilledByExhaustive)}, tests {scores.Count(score => score.IsKilledByTests)} of {scores.Count}; "
            + $"median {(seeds.Length > 0 ? seeds[seeds.Length / 2] : 0)} seeds, worst {(seeds.Length > 0 ? seeds[^1] : 0)}"));
    }

    [GeneratedRegex(@"failing seed: (\d+)")]
    private static partial Regex SeedPattern();

    private sealed record Score(string Name)
    {
        public long? SimulatorSeeds { get; init; }

        public bool IsKilledBySimulator { get; init; }

        public bool IsKilledByExhaustive { get; init; }

        public bool IsKilledByTests { get; init; }

        public bool IsKilled => IsKilledBySimulator || IsKilledByExhaustive || IsKilledByTests;

        public override string ToString() =>
            $"{Name,-44} simulator {(IsKilledBySimulator ? $"seed {SimulatorSeeds}" : "-"),-10} exhaustive {(IsKilledByExhaustive ? "yes" : "-"),-4} tests {(IsKilledByTests ? "yes" : "-")}";
    }
}
