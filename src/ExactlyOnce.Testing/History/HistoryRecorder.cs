namespace ExactlyOnce.Testing.History;

/// <summary>Keeps a history in memory. Safe for several threads, and then also the one who decides the order.</summary>
public sealed class HistoryRecorder : IHistory
{
    private readonly Lock _lock = new();
    private readonly List<HistoryEvent> _events = [];

    /// <summary>A copy of what was recorded up to now, in order.</summary>
    public IReadOnlyList<HistoryEvent> Events
    {
        get
        {
            lock (_lock)
                return [.. _events];
        }
    }

    /// <inheritdoc/>
    public void Add(HistoryEvent next)
    {
        ArgumentNullException.ThrowIfNull(next);
        lock (_lock)
            _events.Add(next);
    }

    /// <summary>Gives everything recorded to another history.</summary>
    public void CopyTo(IHistory target)
    {
        ArgumentNullException.ThrowIfNull(target);
        foreach (var next in Events)
            target.Add(next);
    }
}
