using System.Diagnostics;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// Leaves out of a failing run whatever it does not need to fail in the same way: halves, quarters and so on down to single steps (delta debugging). Bounded by
/// time, because a shorter list is a kindness and not a proof.
/// </summary>
internal static class Shrinker
{
    public static SimulationResult Shrink(SimulationResult failed, TimeSpan limit)
    {
        if (failed.Failure is not { } failure || failure.Rule == "determinism")
            return failed;
        var started = Stopwatch.GetTimestamp();
        var best = failed;
        for (var chunk = Math.Max(1, best.Steps.Count / 2); ; chunk = Math.Max(1, chunk / 2))
        {
            var before = best.Steps.Count;
            best = WithoutChunks(best, chunk, failure.Rule, () => Stopwatch.GetElapsedTime(started) > limit);
            if (Stopwatch.GetElapsedTime(started) > limit || (chunk == 1 && best.Steps.Count == before))
                return best;
        }
    }

    private static SimulationResult WithoutChunks(SimulationResult best, int chunk, string rule, Func<bool> isOver)
    {
        // From the end: what comes after the failure goes first.
        for (var end = best.Steps.Count; end > 0 && !isOver(); end -= chunk)
        {
            var begin = Math.Max(0, end - chunk);
            SimulationStep[] rest = [.. best.Steps.Take(begin), .. best.Steps.Skip(end)];
            var tried = Simulator.Run(best.Seed, rest);
            if (tried.Failure?.Rule == rule)
                best = tried;
        }
        return best;
    }
}
