using System.IO.Pipelines;

namespace ExactlyOnce.Testing.Simulation;

/// <summary>What production gives to the thread pool: items wait here until the run takes one, not always the oldest, as a pool does not either.</summary>
internal sealed class WorkQueue(ThreadGuard guard) : PipeScheduler
{
    private readonly List<(Action<object?> Action, object? State)> _items = [];

    public int Count => _items.Count;

    public override void Schedule(Action<object?> action, object? state)
    {
        guard.Check("scheduler");
        _items.Add((action, state));
    }

    /// <summary>Runs one item; 0 is the oldest.</summary>
    public void Run(int index)
    {
        var (action, state) = _items[index];
        _items.RemoveAt(index);
        action(state);
    }

    public void RunAll()
    {
        while (_items.Count > 0)
            Run(0);
    }

    /// <summary>The process died: nothing of it runs any more.</summary>
    public void Drop() => _items.Clear();
}
