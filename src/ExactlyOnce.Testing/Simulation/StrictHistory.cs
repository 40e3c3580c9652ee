using ExactlyOnce.Testing.History;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// Stops a run at the first event that breaks an invariant, while the trace still ends there. A history ends for it where the disk's promises do.
/// </summary>
internal sealed class StrictHistory(HistoryChecker checker) : IHistory
{
    private bool _hasEnded;

    public void Add(HistoryEvent next)
    {
        _hasEnded |= next is Observed { Fact: DamageMet };
        if (_hasEnded)
            return;
        checker.Add(next);
        if (checker.ViolationCount > 0)
            Require(checker.Violations);
    }

    public static void Require(IReadOnlyList<Violation> violations)
    {
        if (violations.Count > 0)
            throw new SimulationFailedException($"I{(int)violations[0].Invariant}", violations[0].ToString());
    }
}
