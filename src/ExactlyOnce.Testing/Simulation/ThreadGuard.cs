namespace ExactlyOnce.Testing.Simulation;

/// <summary>
/// Finds work that escapes to another thread: whoever asks the clock, the disk or the scheduler says so here. A call from elsewhere is remembered, because an
/// exception on a pool thread may be seen by nobody, and fails the run at its next step.
/// </summary>
internal sealed class ThreadGuard
{
    private readonly int _thread = System.Environment.CurrentManagedThreadId;
    private string? _escape;

    public void Check(string what)
    {
        if (System.Environment.CurrentManagedThreadId == _thread)
            return;
        Interlocked.CompareExchange(ref _escape, $"{what} was used on another thread:\n{System.Environment.StackTrace}", null);
        throw new InvalidOperationException(_escape);
    }

    public void ThrowIfEscaped()
    {
        if (Volatile.Read(ref _escape) is { } escape)
            throw new SimulationFailedException("escape", escape);
    }
}
