using System.Collections.Concurrent;
using ExactlyOnce.Testing.Workloads;
using Slices = System.Collections.Concurrent.Partitioner;

namespace ExactlyOnce.Torture.Disks;

/// <summary>Every small workload, cut at every disk operation, with eight draws of what the cut leaves.</summary>
internal sealed class ExhaustiveTorture : ITorture
{
    private const int FailuresMax = 10;

    private readonly Lock _lock = new();
    private readonly List<string> _failures = [];

    public string Summary =>
        "every workload of up to --length 2 (or 3) operations x a crash at every disk operation x 8 damages [--threads T] [--shard i/n]; --workload \"send commit\" only that one";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        if (options.Others.TryGetValue("workload", out var only))
            Run([SmallWorkload.Of(only)], options, progress);
        else
        {
            var (first, step) = options.Shard();
            Run(Workloads((int)options.Number("length", 2)).Where((_, index) => index % step == first), options, progress);
        }
        return _failures;
    }

    private void Run(IEnumerable<SmallWorkload> workloads, TortureOptions options, Progress progress)
    {
        var threads = new ParallelOptions { MaxDegreeOfParallelism = (int)options.Number("threads", 1) };
        Parallel.ForEach(Slices.Create(workloads, EnumerablePartitionerOptions.NoBuffering), threads, (workload, loop) =>
        {
            if (loop.IsStopped)
                return;
            if (progress.Elapsed > options.Limit || progress.Counted("crashes") >= (options.Cases ?? long.MaxValue) || IsEnough())
            {
                progress.Print($"stopped before '{workload}'");
                loop.Stop();
                return;
            }
            Run(workload, progress);
        });
    }

    private void Run(SmallWorkload workload, Progress progress)
    {
        var run = new ExhaustiveRun();
        if (run.Run(workload) is { } failure)
            Note(Describe(failure));
        progress.Count("crashes", run.Crashes);
        progress.Count("different disks opened", run.Opened);
        progress.Count("cut again while opening", run.Recoveries);
        progress.Count("workloads");
        progress.Say($"'{workload}'");
    }

    private bool IsEnough()
    {
        lock (_lock)
            return _failures.Count >= FailuresMax;
    }

    private void Note(string failure)
    {
        lock (_lock)
            _failures.Add(failure);
    }

    private static IEnumerable<SmallWorkload> Workloads(int lengthMax)
    {
        for (var length = 0; length <= lengthMax; length++)
            for (var index = 0L; index < SmallWorkload.Count(length); index++)
                yield return SmallWorkload.At(length, index);
    }

    private static string Describe(CrashFailure failure)
    {
        var folder = Directory.CreateTempSubdirectory("exactlyonce-exhaustive-").FullName;
        failure.WriteImage(folder);
        return $"{failure.Describe()}\nthe directory: {folder}\n";
    }
}
