using System.Globalization;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Torture;

/// <summary>
/// The deterministic simulator, seed after seed, until so many crashes, seeds or minutes are reached, or one fails; that one is shrunk and described, and its number is what
/// the last lines say.
/// </summary>
internal sealed class Simulate : ITorture
{
    private const long CrashesByDefault = 10_000;

    private readonly Lock _lock = new();
    private readonly List<string> _failures = [];
    private readonly List<string> _noted = [];
    private ulong _next;
    private ulong _end;

    public string Summary => "simulated crashes of a whole broker: [--threads T] [--seeds N] [--first S] [--operations STEPS] [--no-shrink] [--all]";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var threads = (int)Number(options, "threads", 1);
        _next = options.Seed ?? Number(options, "first", 1);
        _end = options.Others.ContainsKey("seeds") ? _next + Number(options, "seeds", 1) : ulong.MaxValue;
        var crashes = options.Cases ?? (options.Others.ContainsKey("seeds") || options.Limit is not null ? long.MaxValue : CrashesByDefault);
        var deadline = options.Limit ?? TimeSpan.MaxValue;
        var workers = Enumerable.Range(0, threads).Select(_ => new Thread(() => Work(options, progress, crashes, deadline))).ToArray();
        foreach (var worker in workers)
            worker.Start();
        foreach (var worker in workers)
            worker.Join();
        return [.. _failures, .. _noted];
    }

    private void Work(TortureOptions options, Progress progress, long crashes, TimeSpan deadline)
    {
        var stepsMax = (int)Number(options, "operations", 20_000);
        while (progress.Counted("crashes") < crashes && progress.Elapsed < deadline && TryTakeSeed(out var seed))
        {
            var result = Simulator.Run(seed, stepsMax);
            progress.Count("crashes", result.Counts.Crashes);
            progress.Count("runs");
            progress.Count("openings", result.Counts.Openings);
            progress.Count("operations", result.Counts.Operations);
            progress.Count("transactions", result.Transactions);
            if (result.Failure is null)
                continue;
            if (options.Has("all"))
                Note(result, progress);
            else
                Report(result, shrink: !options.Has("no-shrink"));
        }
    }

    private bool TryTakeSeed(out ulong seed)
    {
        lock (_lock)
        {
            seed = _next;
            if (_failures.Count > 0 || seed >= _end)
                return false;
            _next++;
            return true;
        }
    }

    /// <summary>Goes on after a failure: for a look at what kinds there are.</summary>
    private void Note(SimulationResult result, Progress progress)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"failing seed: {result.Seed} {result.Failure!.Message.Split('\n')[0]}");
        progress.Print(line);
        lock (_lock)
            _noted.Add(line);
    }

    private void Report(SimulationResult result, bool shrink)
    {
        var report = FailureReport.Of(shrink ? Shrinker.Shrink(result, TimeSpan.FromSeconds(60)) : result);
        lock (_lock)
            _failures.Add(string.Create(CultureInfo.InvariantCulture, $"{report}\nfailing seed: {result.Seed}"));
    }

    private static ulong Number(TortureOptions options, string name, ulong otherwise) =>
        options.Others.TryGetValue(name, out var text) && ulong.TryParse(text.Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
