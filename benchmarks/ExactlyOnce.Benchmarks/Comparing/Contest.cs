namespace ExactlyOnce.Benchmarks.Comparing;

/// <summary>
/// The contestants of one row, ours first, with what they share: folders, filled topics, open brokers. All of it is gone when it is disposed.
/// </summary>
internal sealed class Contest(params Contestant[] contestants) : IAsyncDisposable
{
    private readonly Stack<object> _held = new();

    public IReadOnlyList<Contestant> Contestants { get; init; } = contestants;

    /// <summary>Keeps something until the contest is over; what came last goes first.</summary>
    public Contest Holding(params ReadOnlySpan<object> held)
    {
        foreach (var resource in held)
            _held.Push(resource);
        return this;
    }

    public async ValueTask DisposeAsync()
    {
        while (_held.TryPop(out var resource))
            if (resource is IAsyncDisposable asynchronous)
                await asynchronous.DisposeAsync();
            else
                ((IDisposable)resource).Dispose();
    }
}
