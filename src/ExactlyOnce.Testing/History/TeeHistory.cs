namespace ExactlyOnce.Testing.History;

/// <summary>Gives each event to several histories: a checker and a file, say. One thread at a time.</summary>
/// <param name="targets">Who gets each event, in this order.</param>
public sealed class TeeHistory(params IReadOnlyList<IHistory> targets) : IHistory
{
    /// <inheritdoc/>
    public void Add(HistoryEvent next)
    {
        foreach (var target in targets)
            target.Add(next);
    }
}
