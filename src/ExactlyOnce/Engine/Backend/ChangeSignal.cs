namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// Says that something changed. Take <see cref="Next"/> before looking, wait for it after: a change in between is not missed. Who awaits it goes on on the stack of
/// <see cref="Pulse"/>, and so hops to the completions scheduler first thing.
/// </summary>
internal sealed class ChangeSignal
{
    private TaskCompletionSource _next = new();

    public Task Next => Volatile.Read(ref _next).Task;

    public void Pulse() => Interlocked.Exchange(ref _next, new TaskCompletionSource()).TrySetResult();
}
