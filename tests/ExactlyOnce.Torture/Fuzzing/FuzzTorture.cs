using System.Diagnostics;
using System.Globalization;
using ExactlyOnce.Testing.Fuzzing;

namespace ExactlyOnce.Torture.Fuzzing;

/// <summary>
/// Fuzzes every parser, guided by coverage, each target in a process of its own that is started again when an input kills it. <c>--target X</c> takes one.
/// <c>--minutes M</c> is for all targets together, shared out evenly; <c>--cases K</c> goes round them, a minute each, until all together have executed so
/// much.
/// <c>--threads T</c> fuzzes so many targets at the same time.
/// Without either it takes three minutes, which is what a build can afford. <c>--found DIRECTORY</c> keeps what reached something new,
/// <c>--seeds DIRECTORY</c> only writes the product's own inputs there. Inputs that fail are kept, minimised, in <c>fuzz-bad</c>.
/// </summary>
internal sealed class FuzzTorture : ITorture
{
    private const string BadFolder = "fuzz-bad";
    private const string Executions = "executions";
    private const int LivesMax = 5;

    /// <summary>How long a target has its turn when a number of executions is asked for.</summary>
    private static readonly TimeSpan s_turn = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan s_limitDefault = TimeSpan.FromMinutes(3);

    private readonly List<string> _failures = [];
    private readonly Dictionary<string, (long Executions, int Inputs, int Edges)> _results = [];
    private readonly Lock _lock = new();

    public string Summary => "fuzzes the parsers, guided by coverage [--target X] [--minutes 3] [--cases K] [--threads T] [--found DIR] [--seeds DIR]";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        if (options.Others.TryGetValue("seeds", out var seeds))
            return WriteSeeds(seeds);
        List<string> targets = [.. FuzzTargets.Create().Select(target => target.Name)];
        if (options.Choice("target", targets) is { } only)
            targets = [only];
        var limit = options.Limit ?? (options.Cases is null ? s_limitDefault : TimeSpan.FromDays(1));
        progress.Say("instrumenting a copy");
        using var copy = new InstrumentedCopy();
        var seed = options.Seed ?? 1;
        var threads = (int)options.Number("threads", 1);
        do
            GoRound(targets, threads, limit, options.Cases, seed++, copy, progress);
        while (options.Cases is { } cases && progress.Counted(Executions) < cases && progress.Elapsed < limit && _failures.Count == 0);
        if (options.Others.TryGetValue("found", out var found))
            Keep(Path.Combine(copy.Work, FuzzChild.FoundFolder), found);
        Keep(Path.Combine(copy.Work, FuzzChild.BadFolder), BadFolder);
        foreach (var (name, result) in _results.OrderBy(result => result.Key, StringComparer.Ordinal))
            progress.Print(string.Create(CultureInfo.InvariantCulture, $"  {name,-22} {result.Executions,14:N0} executions {result.Inputs,6:N0} inputs {result.Edges,6:N0} edges"));
        return _failures;
    }

    private void GoRound(List<string> targets, int threads, TimeSpan limit, long? cases, ulong seed, InstrumentedCopy copy, Progress progress)
    {
        var begun = 0;
        Parallel.For(0, threads, _ =>
        {
            while (Interlocked.Increment(ref begun) is var number && number <= targets.Count)
            {
                var left = (cases ?? long.MaxValue) - progress.Counted(Executions);
                // What a target leaves of its time goes to those behind it.
                var remaining = limit - progress.Elapsed;
                var share = remaining * Math.Min(1, (double)threads / (targets.Count - number + 1));
                if (left > 0)
                    Fuzz(targets[number - 1], left, cases is null || share < s_turn ? share : s_turn, seed, copy, progress);
            }
        });
    }

    private void Fuzz(string target, long cases, TimeSpan share, ulong seed, InstrumentedCopy copy, Progress progress)
    {
        var started = Stopwatch.GetTimestamp();
        for (var life = 0; life < LivesMax; life++)
        {
            var left = share - Stopwatch.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
                return;
            // Another seed for each life: the same one would run into the same death.
            using var child = Start(copy, target, seed + (ulong)(life * 7919), cases, left);
            var isDone = Listen(child, target, progress);
            child.WaitForExit();
            if (isDone)
                return;
            NoteDeath(copy, target, child.ExitCode, progress);
        }
    }

    private static Process Start(InstrumentedCopy copy, string target, ulong seed, long cases, TimeSpan left) =>
        Process.Start(new ProcessStartInfo(
            Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet",
            [
                copy.Program, FuzzChild.Command, target, seed.ToString(CultureInfo.InvariantCulture), cases.ToString(CultureInfo.InvariantCulture),
                ((long)left.TotalMilliseconds).ToString(CultureInfo.InvariantCulture), copy.Work,
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    private bool Listen(Process child, string target, Progress progress)
    {
        var errors = child.StandardError.ReadToEndAsync();
        while (child.StandardOutput.ReadLine() is { } line)
        {
            var words = line.Split(' ', 3);
            switch (words[0])
            {
                case "ran":
                    var shape = words[2].Split(' ');
                    NoteProgress(target, long.Parse(words[1], CultureInfo.InvariantCulture), int.Parse(shape[0], CultureInfo.InvariantCulture), int.Parse(shape[1], CultureInfo.InvariantCulture), progress);
                    break;
                case "bad":
                    NoteFailure(target, words[1], words[2], progress);
                    break;
                case "done":
                    return true;
            }
        }
        var complaint = errors.Result;
        if (complaint.Length > 0)
            progress.Print($"{target}: {string.Join(" | ", complaint.Split('\n').Take(12))}");
        return false;
    }

    private void NoteProgress(string target, long executions, int inputs, int edges, Progress progress)
    {
        lock (_lock)
        {
            var before = _results.GetValueOrDefault(target);
            _results[target] = (before.Executions + executions, inputs, edges);
        }
        progress.Say($"{target}: {inputs:N0} inputs, {edges:N0} edges");
        progress.Count(Executions, executions);
    }

    private void NoteFailure(string target, string path, string reason, Progress progress)
    {
        var name = Path.Combine(BadFolder, target, Path.GetFileName(path));
        lock (_lock)
            _failures.Add($"{target}: {name}: {reason}");
        progress.Print($"{target}: BAD {name}: {reason}");
    }

    private void NoteDeath(InstrumentedCopy copy, string target, int exitCode, Progress progress)
    {
        var input = CurrentInput.Read(Path.Combine(copy.Work, target + ".current"));
        var path = Corpus.Save(Path.Combine(copy.Work, FuzzChild.BadFolder), target, input);
        NoteFailure(target, path, exitCode == FuzzChild.HungExitCode ? "the execution does not end" : $"the process died (exit code {exitCode})", progress);
    }

    private static void Keep(string source, string target)
    {
        if (!Directory.Exists(source))
            return;
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var path = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.Copy(file, path, overwrite: true);
        }
    }

    private static string[] WriteSeeds(string folder)
    {
        foreach (var target in FuzzTargets.Create())
            foreach (var seed in target.Seeds())
                Corpus.Save(folder, target.Name, seed);
        return [];
    }
}
