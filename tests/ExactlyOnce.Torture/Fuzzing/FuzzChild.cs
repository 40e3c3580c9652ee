using System.Diagnostics;
using System.Globalization;
using ExactlyOnce.Testing.Fuzzing;

namespace ExactlyOnce.Torture.Fuzzing;

/// <summary>
/// The process that executes: it runs the copy of this program whose ExactlyOnce.dll is instrumented, and may die of an input. Speaks to its parent in lines:
/// <c>ran executions inputs edges</c>, <c>found path</c> for an input that reached something new, <c>bad path reason</c>, <c>done</c>.
/// </summary>
internal sealed class FuzzChild
{
    public const string Command = "fuzz-child";
    public const string FoundFolder = "found";
    public const string BadFolder = "bad";
    public const int HungExitCode = 86;

    private static readonly TimeSpan s_reportInterval = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan s_hangTimeout = TimeSpan.FromSeconds(20);

    private readonly FuzzTarget _target;
    private readonly GuardedExecution _execution;
    private readonly CurrentInput _current;
    private readonly CoverageMap _coverage;
    private readonly Corpus _corpus;
    private readonly Mutator _mutator;
    private readonly string _folder;
    private readonly HashSet<string> _failures = [];
    private long _executions;
    private long _reported;

    private FuzzChild(string target, ulong seed, string folder, CoverageMap coverage)
    {
        _folder = folder;
        _coverage = coverage;
        _target = FuzzTargets.Create(target);
        _corpus = new Corpus(_target, Path.Combine(folder, FoundFolder));
        _execution = new GuardedExecution(_target);
        _current = new CurrentInput(Path.Combine(folder, target + ".current"), _target.InputBytesMax);
        _mutator = new Mutator(_target, seed);
    }

    /// <summary>Arguments: target, seed, executions, milliseconds, folder for what is found.</summary>
    public static int Run(ReadOnlySpan<string> args)
    {
        // Before anything else of the product runs: instrumented code without a map writes to nowhere.
        var coverage = new CoverageMap();
        var child = new FuzzChild(args[0], ulong.Parse(args[1], CultureInfo.InvariantCulture), args[4], coverage);
        child.Run(long.Parse(args[2], CultureInfo.InvariantCulture), TimeSpan.FromMilliseconds(long.Parse(args[3], CultureInfo.InvariantCulture)));
        return 0;
    }

    private void Run(long executions, TimeSpan limit)
    {
        new Thread(WatchForHang) { IsBackground = true }.Start();
        _coverage.Reset();
        // The time that the process took to start is part of its share, but not all of it: every target gets to execute.
        var reported = Stopwatch.GetTimestamp();
        var deadline = Math.Max(3_000, (long)(limit - (DateTime.Now - Process.GetCurrentProcess().StartTime)).TotalMilliseconds) + Environment.TickCount64;
        foreach (var input in _corpus.Inputs.ToArray())
            Execute(input, isSeed: true);
        while (_executions < executions && Environment.TickCount64 < deadline)
        {
            Execute(_mutator.Mutate(_corpus.Choose(_mutator), _corpus.Choose(_mutator)), isSeed: false);
            if (Stopwatch.GetElapsedTime(reported) < s_reportInterval)
                continue;
            Report();
            reported = Stopwatch.GetTimestamp();
        }
        Report();
        Console.WriteLine("done");
    }

    private void Execute(ReadOnlySpan<byte> input, bool isSeed)
    {
        _current.Set(input);
        _executions++;
        var failure = _execution.Run(input);
        if (_coverage.Collect() && !isSeed)
        {
            _corpus.Add(input);
            Console.WriteLine($"found {Corpus.Save(Path.Combine(_folder, FoundFolder), _target.Name, input)}");
        }
        if (failure is not null)
            Save(input.ToArray(), failure);
    }

    /// <summary>One input for each way of failing, as small as it gets.</summary>
    private void Save(byte[] input, string failure)
    {
        if (!_failures.Add(KindOf(failure)))
            return;
        var kind = KindOf(failure);
        var small = Minimiser.Minimise(input, candidate =>
        {
            _current.Set(candidate);
            return _execution.Run(candidate) is { } again && KindOf(again) == kind;
        });
        _coverage.Reset();
        var path = Corpus.Save(Path.Combine(_folder, BadFolder), _target.Name, small);
        Console.WriteLine($"bad {path} {failure.ReplaceLineEndings(" | ")}");
    }

    /// <summary>The exception and where it came from, or what was broken, without the numbers.</summary>
    private static string KindOf(string failure)
    {
        var lines = failure.Split('\n');
        var place = lines.FirstOrDefault(line => line.TrimStart().StartsWith("at ExactlyOnce", StringComparison.Ordinal)) ?? "";
        return lines[0].Split(':')[0].Trim('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ',', ' ') + place;
    }

    private void Report()
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ran {_executions - _reported} {_corpus.Inputs.Count} {_coverage.Edges}"));
        _reported = _executions;
    }

    private void WatchForHang()
    {
        var (last, since) = (-1, Stopwatch.GetTimestamp());
        while (true)
        {
            Thread.Sleep(500);
            if (_current.Execution != last)
                (last, since) = (_current.Execution, Stopwatch.GetTimestamp());
            else if (Stopwatch.GetElapsedTime(since) > s_hangTimeout)
                Environment.Exit(HungExitCode);
        }
    }
}
