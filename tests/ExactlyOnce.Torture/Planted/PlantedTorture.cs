using System.Globalization;
using System.Text.RegularExpressions;
using ExactlyOnce.Tests;

namespace ExactlyOnce.Torture.Planted;

/// <summary>
/// Who guards the guards: bugs are planted, one at a time, and the simulator, the exhaustive runs and the tests must each say whether they see it. A bug that
/// nobody sees is a hole in the proof. Those of the endpoint are for its tests alone: nobody else has one.
/// </summary>
internal sealed partial class PlantedTorture : ITorture
{
    private const int SeedsByDefault = 1000;

    /// <summary>
    /// Half of the bugs that the simulator sees are to be seen after so many seeds. What needs real threads or a real file system it cannot see.
    /// </summary>
    private const long MedianSeedsMax = 200;

    /// <summary>
    /// A judge that needs longer hangs. The core without a bug has no longer for all the tests together, so no bug is seen because the machine is slow.
    /// </summary>
    private static readonly TimeSpan s_judgeTimeout = TimeSpan.FromMinutes(6);

    private const string Core = "ExactlyOnce";

    private static readonly string[] s_judges = ["simulator", "exhaustive", "tests"];

    public string Summary => "bugs planted in a copy of the source, one at a time; who sees them, after how many seeds. --only NAME,NAME, --judges simulator,exhaustive,tests, --seeds N (1000)";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var judges = options.Others.GetValueOrDefault("judges", string.Join(',', s_judges)).Split(',');
        if (Array.Find(judges, judge => !s_judges.Contains(judge)) is { } nobody)
            throw new TortureOptionException($"--judges are some of {string.Join(",", s_judges)}, not '{nobody}'.");
        var seeds = (int)options.Number("seeds", SeedsByDefault);
        var only = options.Others.GetValueOrDefault("only", "");
        var bugs = PlantedBugs.ReadAll().Where(bug => only.Split(',').Any(name => bug.Name.Contains(name, StringComparison.Ordinal))).ToArray();
        if (bugs.Length == 0)
            throw new TortureOptionException($"No planted bug's name contains '{only}'.");
        using var garden = new Garden();
        var tests = (judges.Contains("tests") ? bugs.Select(bug => bug.Project).Distinct() : []).ToDictionary(
            project => project, project => garden.CopyProgram($"tests/{project}.Tests", TestFolder(project)));
        string[] programs = [garden.TortureFolder, .. tests.Values];
        var scores = new List<Score>();
        var failures = new List<string>();
        if (JudgeSound(garden, judges, bugs, seeds, tests, programs) is { } complaint)
            return [complaint];
        foreach (var bug in bugs)
        {
            if (garden.Plant(bug, programs) is { } error)
            {
                failures.Add($"{bug.Name} does not compile: {error}");
                continue;
            }
            var score = Judge(garden, judges, bug, seeds, tests);
            scores.Add(score);
            progress.Count("planted");
            progress.Count("killed", score.IsKilled ? 1 : 0);
            progress.Print(score.ToString());
            if (!score.IsKilled)
                failures.Add($"{bug.Name} lives: {bug.Defect}");
        }
        PrintCounts(scores, progress);
        // Some of them say nothing about all.
        if (only.Length == 0 && MedianSeeds(scores) is > MedianSeedsMax and var median)
            failures.Add($"The simulator needs {median} seeds for half of the bugs that it sees; {MedianSeedsMax} are the most.");
        return failures;
    }

    /// <summary>Without a bug nobody may complain, or the score would be worth nothing.</summary>
    private static string? JudgeSound(Garden garden, string[] judges, PlantedBug[] bugs, int seeds, Dictionary<string, string> tests, string[] programs)
    {
        if (garden.Plant(null, programs) is { } error)
            return $"The source does not compile without a bug: {error}";
        foreach (var project in bugs.GroupBy(bug => bug.Project))
        {
            var filters = project.SelectMany(bug => bug.Tests.Split('|', StringSplitOptions.RemoveEmptyEntries)).Distinct().Order(StringComparer.Ordinal);
            var sound = new PlantedBug("none", "", $"src/{project.Key}/", string.Join('|', filters), "", "");
            var score = Judge(garden, judges, sound, seeds, tests);
            if (score.IsKilled)
                return $"The judges complain about a source without a bug: {score}";
        }
        return null;
    }

    private static Score Judge(Garden garden, string[] judges, PlantedBug bug, int seeds, Dictionary<string, string> tests)
    {
        var score = new Score(bug.Name);
        if (judges.Contains("simulator") && bug.Project == Core)
        {
            var (exitCode, output) = RunTorture(garden, "simulate", "--first", "1", "--seeds", seeds.ToString(CultureInfo.InvariantCulture), "--no-shrink");
            score = score with { Simulator = VerdictOf(exitCode), SimulatorSeeds = exitCode is 0 or Garden.Hung ? null : FailedSeed(output) };
        }
        if (judges.Contains("exhaustive") && bug.Project == Core)
            score = score with { Exhaustive = VerdictOf(RunTorture(garden, "exhaustive", "--length", "1").ExitCode) };
        if (tests.TryGetValue(bug.Project, out var folder) && bug.Tests.Length > 0)
        {
            var (exitCode, output) = RunTests(Path.Combine(folder, $"{bug.Project}.Tests.dll"), bug.Tests);
            score = score with { Tests = VerdictOf(exitCode), Test = FailedTest().Match(output) is { Success: true } match ? match.Groups[1].Value : null };
        }
        return score;
    }

    private static Verdict VerdictOf(int exitCode) => exitCode switch
    {
        0 => Verdict.Passed,
        Garden.Hung => Verdict.Hung,
        _ => Verdict.Failed,
    };

    private static (int ExitCode, string Output) RunTorture(Garden garden, params string[] arguments) =>
        Garden.Run("dotnet", [Path.Combine(garden.TortureFolder, "ExactlyOnce.Torture.dll"), .. arguments], s_judgeTimeout);

    private static (int ExitCode, string Output) RunTests(string assembly, string filter) =>
        Garden.Run("dotnet", ["test", assembly, "--filter", filter, "-v", "q", "--", "xUnit.StopOnFail=true"], s_judgeTimeout);

    private static long? FailedSeed(string output) =>
        SeedPattern().Match(output) is { Success: true } match ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    // The tests are judged as they are built: Release if there is one, as this program.
    private static string TestFolder(string project)
    {
        var folder = Path.Combine(Repository.Root, $"tests/{project}.Tests/bin/Release/net10.0");
        return Directory.Exists(folder) ? folder : Path.Combine(Repository.Root, $"tests/{project}.Tests/bin/Debug/net10.0");
    }

    private static void PrintCounts(List<Score> scores, Progress progress) => progress.Print(string.Create(
        CultureInfo.InvariantCulture,
        $"simulator {scores.Count(score => score.Simulator > Verdict.Passed)}, exhaustive {scores.Count(score => score.Exhaustive > Verdict.Passed)}, tests {scores.Count(score => score.Tests > Verdict.Passed)} of {scores.Count}; "
        + $"of those that the simulator sees, half after {MedianSeeds(scores)} seeds and the last after {scores.Max(score => score.SimulatorSeeds)}"));

    private static long? MedianSeeds(List<Score> scores)
    {
        var seeds = scores.Select(score => score.SimulatorSeeds).OfType<long>().Order().ToArray();
        return seeds.Length > 0 ? seeds[seeds.Length / 2] : null;
    }

    [GeneratedRegex(@"failing seed: (\d+)")]
    private static partial Regex SeedPattern();

    [GeneratedRegex(@"\] +(\S+).*\[FAIL\]")]
    private static partial Regex FailedTest();

    private enum Verdict
    {
        NotAsked,
        Passed,
        Failed,
        Hung,
    }

    private sealed record Score(string Name)
    {
        public long? SimulatorSeeds { get; init; }

        public Verdict Simulator { get; init; }

        public Verdict Exhaustive { get; init; }

        public Verdict Tests { get; init; }

        /// <summary>The first of the tests that saw it.</summary>
        public string? Test { get; init; }

        public bool IsKilled => Simulator > Verdict.Passed || Exhaustive > Verdict.Passed || Tests > Verdict.Passed;

        public override string ToString() =>
            $"{Name,-44} simulator {(SimulatorSeeds is { } seed ? $"seed {seed}" : Word(Simulator)),-10} exhaustive {Word(Exhaustive),-6} tests {Word(Tests)} {Test}";

        private static string Word(Verdict verdict) => verdict switch
        {
            Verdict.Failed => "yes",
            Verdict.Hung => "hangs",
            Verdict.Passed => "-",
            _ => "",
        };
    }
}
