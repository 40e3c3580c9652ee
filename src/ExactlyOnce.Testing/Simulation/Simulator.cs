using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>Runs seeds: the way in for tests and for the torture command.</summary>
internal static class Simulator
{
    private const ulong RunsTwice = 64;

    /// <summary>A whole run of a seed. Every 64th is done twice, and must do the same both times.</summary>
    public static SimulationResult Run(ulong seed, int stepsMax = 20_000)
    {
        var plan = SimulationPlan.Draw(seed);
        var steps = StepDrawing.Draw(plan, stepsMax);
        var result = Run(plan, steps, keepsLines: false);
        if (result.Failure is not null || seed % RunsTwice != 0)
            return result;
        var again = Run(plan, steps, keepsLines: false);
        return again.Hash == result.Hash && again.Failure is null
            ? result
            : result with { Failure = new SimulationFailedException("determinism", $"The second run of the seed has the trace {again.Hash:x}, the first {result.Hash:x} ({again.Failure?.Message}).") };
    }

    /// <summary>A run of the given steps, with the clients and sizes that the seed draws.</summary>
    public static SimulationResult Run(ulong seed, IReadOnlyList<SimulationStep> steps, bool keepsLines = false) =>
        Run(SimulationPlan.Draw(seed), steps, keepsLines);

    private static SimulationResult Run(SimulationPlan plan, IReadOnlyList<SimulationStep> steps, bool keepsLines)
    {
        var trace = new SimulationTrace(keepsLines);
        var compacted = new HashSet<string>();
        // Also for a broker that only writes: here its machine never loses power, so nothing may be missing.
        var checker = new HistoryChecker(new CheckerOptions { CompactedTopics = compacted });
        var check = new PromiseCheck(compacted);
        var run = new SimulationRun(plan, new TeeHistory(check, new StrictHistory(checker)), trace, compacted);
        var before = SynchronizationContext.Current;
        // Without a context what is awaited goes on where it is completed, which is on this thread.
        SynchronizationContext.SetSynchronizationContext(null);
        SimulationFailedException? failure = null;
        try
        {
            run.Execute(steps);
            StrictHistory.Require(checker.Complete());
        }
        catch (SimulationFailedException exception)
        {
            failure = exception;
        }
        catch (Exception exception)
        {
            failure = new SimulationFailedException("exception", exception.ToString(), exception);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
        return new SimulationResult(plan.Seed, steps, run.Counts, trace, run.Broker.Device, failure) { Transactions = check.Transactions };
    }
}

/// <summary>What became of a run.</summary>
internal sealed record SimulationResult(
    ulong Seed, IReadOnlyList<SimulationStep> Steps, SimulationCounts Counts, SimulationTrace Trace, SimulatedDisk Device, SimulationFailedException? Failure)
{
    public ulong Hash => Trace.Hash;

    public long Transactions { get; init; }
}
