using System.Diagnostics;
using System.Globalization;
using ExactlyOnce.Testing.Simulation;

namespace ExactlyOnce.Torture;

/// <summary>
/// The deterministic simulator, seed after seed, until so many crashes, seeds or minutes are reached, or one fails; that one is shrunk and described, and its
/// number is what the last lines say.
/// </summary>
internal sealed class Simulate : ITorture
{
    private const long CrashesByDefault = 10_000;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);

    private readonly Lock _lock = new();
    private readonly List<string> _failures = [];
    private readonly List<string> _noted = [];
    private Running[] _running = [];
    private ulong _next;
    private ulong _end;

    public string Summary => "simulated crashes of a whole broker: [--threads T] [--seeds N] [--first S] [--operations STEPS] [--no-shrink] [--all]";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var threads = (int)options.Number("threads", 1);
        _next = options.Seed ?? (ulong)options.Number("first", 1);
        _end = options.Others.ContainsKey("seeds") ? _next + (ulong)options.Number("seeds", 1) : ulong.MaxValue;
        var crashes = options.Cases ?? (options.Others.ContainsKey("seeds") || options.Limit is not null ? long.MaxValue : CrashesByDefault);
        var deadline = options.Limit ?? TimeSpan.MaxValue;
        _running = new Running[threads];
        var workers = Enumerable.Range(0, threads).Select(index => new Thread(() => Work(index, options, progress, crashes, deadline)) { IsBackground = true }).ToArray();
        foreach (var worker in workers)
            worker.Start();
        while (!Array.TrueForAll(workers, worker => worker.Join(TimeSpan.FromSeconds(0.2))) && FindEndless() is null)
        {
        }
        if (FindEndless() is { } endless)
            return [string.Create(CultureInfo.InvariantCulture, $"failing seed: {endless} (it has not ended in {s_patience})")];
        return [.. _failures, .. _noted];
    }

    /// <summary>A broker that waits for ever ends no run by itself.</summary>
    private ulong? FindEndless()
    {
        for (var worker = 0; worker < _running.Length; worker++)
            if (Volatile.Read(ref _running[worker].Since) is var since and not 0 && Stopwatch.GetElapsedTime(since) > s_patience)
                return _running[worker].Seed;
        return null;
    }

    private void Work(int worker, TortureOptions options, Progress progress, long crashes, TimeSpan deadline)
    {
        var stepsMax = (int)options.Number("operations", 20_000);
        while (progress.Counted("crashes") < crashes && progress.Elapsed < deadline && TryTakeSeed(out var seed))
        {
            _running[worker].Seed = seed;
            Volatile.Write(ref _running[worker].Since, Stopwatch.GetTimestamp());
            var result = Simulator.Run(seed, stepsMax);
            Volatile.Write(ref _running[worker].Since, 0);
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

    /// <summary>What a worker is at; since 0 between two runs.</summary>
    private struct Running
    {
        public ulong Seed;
        public long Since;
    }
}
