namespace ExactlyOnce.Engine.Partitions;

/// <summary>
/// The readers that sleep until a partition has something new. Signals are one-shot: woken once, then gone. Its own short lock, taken under no other but the
/// partition's.
/// </summary>
internal sealed class ReadWaiters
{
    private readonly Lock _lock = new();
    private List<Action> _waiting = [];
    private List<Action> _woken = [];
    private volatile bool _hasAny;

    public bool HasAny => _hasAny;

    public void Add(Action wake)
    {
        lock (_lock)
        {
            if (!_waiting.Contains(wake))
                _waiting.Add(wake);
            _hasAny = true;
        }
    }

    public void Remove(Action wake)
    {
        lock (_lock)
        {
            _waiting.Remove(wake);
            _hasAny = _waiting.Count > 0;
        }
    }

    /// <summary>Wakes everybody. A wake-up only schedules work, so it may run here.</summary>
    public void WakeAll()
    {
        if (!_hasAny)
            return;
        lock (_lock)
        {
            (_waiting, _woken) = (_woken, _waiting);
            _hasAny = false;
            foreach (var wake in _woken)
                wake();
            _woken.Clear();
        }
    }
}
