namespace ExactlyOnce.Hosting.Tests;

/// <summary>What handlers did, for tests to look at and to wait for.</summary>
public sealed class Notes
{
    private readonly Lock _lock = new();
    private readonly List<string> _values = [];
    private readonly List<(string Value, int Count, TaskCompletionSource Seen)> _waiters = [];

    /// <summary>Resources that handlers used.</summary>
    internal HashSet<HandlerTests.Resource> Resources { get; } = [];

    public IReadOnlyList<string> Values
    {
        get
        {
            lock (_lock)
                return [.. _values];
        }
    }

    /// <summary>Notes a value; answers how often it has been noted.</summary>
    public int Add(string value)
    {
        List<TaskCompletionSource> due;
        int count;
        lock (_lock)
        {
            _values.Add(value);
            count = _values.Count(noted => noted == value);
            due = [.. _waiters.Where(waiter => waiter.Value == value && waiter.Count <= count).Select(waiter => waiter.Seen)];
        }
        foreach (var seen in due)
            seen.TrySetResult();
        return count;
    }

    /// <summary>Waits until a value has been noted so often.</summary>
    public Task WaitAsync(string value, int count = 1)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (_values.Count(noted => noted == value) >= count)
                return Task.CompletedTask;
            _waiters.Add((value, count, seen));
        }
        return seen.Task.WaitAsync(Shop.Soon);
    }
}
