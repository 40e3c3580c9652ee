namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I16, recovery is a function: recover(recover(D)) = recover(D), and a crash inside of recovery changes nothing. One hash per directory image.
/// </summary>
internal sealed class RepeatableRecovery(Report report) : IFactCheck
{
    private readonly Dictionary<string, ulong> _hashes = [];

    public void Observed(Fact fact)
    {
        if (fact is RecoveredState state && !_hashes.TryAdd(state.Directory, state.Hash) && _hashes[state.Directory] != state.Hash)
            report.Add(Invariant.RepeatableRecovery,
                $"directory {state.Directory} was recovered to {_hashes[state.Directory]:x16} before and to {state.Hash:x16} now");
    }
}
