using System.Globalization;
using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Torture.Disks;

/// <summary>Every small workload, cut at every disk operation, with eight draws of what the cut leaves.</summary>
internal sealed class ExhaustiveTorture : ITorture
{
    private const int FailuresMax = 10;

    public string Summary => "Every workload of up to --length 2 (or 3) operations x a crash at every disk operation x 8 damages. --shard i/n takes one part in n; --workload \"send commit\" only that one.";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        if (options.Others.TryGetValue("workload", out var only))
            return Run([SmallWorkload.Of(only)], options, progress);
        var length = int.Parse(options.Others.GetValueOrDefault("length", "2"), CultureInfo.InvariantCulture);
        var shard = options.Others.GetValueOrDefault("shard", "1/1").Split('/').Select(text => long.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        return Run(Workloads(length).Where((_, index) => index % shard[1] == shard[0] - 1), options, progress);
    }

    private static List<string> Run(IEnumerable<SmallWorkload> workloads, TortureOptions options, Progress progress)
    {
        var (run, failures) = (new ExhaustiveRun(), new List<string>());
        foreach (var workload in workloads)
        {
            if (progress.Elapsed > options.Limit || progress.Counted("crashes") >= (options.Cases ?? long.MaxValue) || failures.Count == FailuresMax)
            {
                progress.Print($"stopped before '{workload}'");
                break;
            }
            var (crashes, opened, recoveries) = (run.Crashes, run.Opened, run.Recoveries);
            if (run.Run(workload) is { } failure)
                failures.Add(Describe(failure));
            progress.Count("crashes", run.Crashes - crashes);
            progress.Count("different disks opened", run.Opened - opened);
            progress.Count("cut again while opening", run.Recoveries - recoveries);
            progress.Count("workloads");
            progress.Say($"'{workload}'");
        }
        return failures;
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
