namespace ExactlyOnce.Kafka.Endpoint.Apis;

/// <summary>Counts the appends of one request that are under way.</summary>
internal sealed class ProduceWait
{
    // One for whoever begins appends: the count does not reach zero before all of them have begun.
    private int _open = 1;
    private TaskCompletionSource? _all;

    /// <summary>Before an append begins: it may end on another thread before its beginner knows.</summary>
    public void Begin()
    {
        _all ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Increment(ref _open);
    }

    public void End()
    {
        if (Interlocked.Decrement(ref _open) == 0)
            _all?.SetResult();
    }

    /// <summary>Completes when all have ended. Called once, after the last has begun.</summary>
    public ValueTask AllAsync()
    {
        if (_all is null)
            return default;
        End();
        return new ValueTask(_all.Task);
    }
}
