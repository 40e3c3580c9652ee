using ExactlyOnce.Testing.Workloads;

namespace ExactlyOnce.Torture.Disks;

/// <summary>Every scripted scenario with a fault at every disk operation, once and for ever, of every kind.</summary>
internal sealed class FaultTorture : ITorture
{
    private const int FailuresMax = 10;

    public string Summary => "The n-th disk operation fails, for every n, once and for ever, in six kinds, over all scripted scenarios. --scenario \"first record\" only that one.";

    public IReadOnlyList<string> Run(TortureOptions options, Progress progress)
    {
        var failures = new List<string>();
        var only = options.Choice("scenario", [.. FaultScenarios.All.Select(scenario => scenario.Name)]);
        foreach (var (name, workload) in FaultScenarios.All)
        {
            if (only is not null && only != name)
                continue;
            progress.Say(name);
            foreach (var sort in FaultSort.All)
                foreach (var forEver in new[] { false, true })
                    RunAll(workload, sort, forEver, progress, failures);
            progress.Count("scenarios");
            if (progress.Elapsed > options.Limit || failures.Count >= FailuresMax)
                break;
        }
        return failures;
    }

    private static void RunAll(SmallWorkload workload, FaultSort sort, bool forEver, Progress progress, List<string> failures)
    {
        for (var position = 1L; ; position++)
        {
            var fault = new FaultCase(workload, sort, position, forEver);
            try
            {
                fault.Run();
                if (!fault.HasStruck)
                    return;
            }
            catch (Exception exception)
            {
                failures.Add($"{fault}\n{exception}\nthe last disk operations:\n{string.Join('\n', fault.Trace.TakeLast(40))}\n");
                if (failures.Count >= FailuresMax)
                    return;
            }
            progress.Count("faults");
            progress.Count("stopped the broker", fault.HasStopped ? 1 : 0);
        }
    }
}
