namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// Says that something changed. Take <see cref="Next"/> before looking, wait for it after: a change in between is not missed. Who awaits it goes on on the
/// stack of <see cref="Pulse"/>, and so hops to the completions scheduler first thing.
/// </summary>
internal sealed class ChangeSignal
{
    /// <summary>Null while nobody waits, which is nearly always: a change then costs a look.</summary>
    private TaskCompletionSource? _next;

    public Task Next
    {
        get
        {
            if (Volatile.Read(ref _next) is { } known)
                return known.Task;
            var fresh = new TaskCompletionSource();
            return (Interlocked.CompareExchange(ref _next, fresh, null) ?? fresh).Task;
        }
    }

    public void Pulse()
    {
        // Whoever has taken the signal and then looked is seen here, or has seen the change.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _next) is not null)
            Interlocked.Exchange(ref _next, null)?.TrySetResult();
    }
}
