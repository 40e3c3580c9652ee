namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// Where the journal's thread waits for work, and is woken. It spins for a moment first: parking and waking cost 50 µs, as much as half a sync, and the next
/// frame often comes sooner.
/// </summary>
/// <param name="hasReasonToRun">Looked at after the thread has said that it parks, so that work which came in between is never slept over.</param>
internal sealed class ThreadParking(Func<bool> hasReasonToRun) : IDisposable
{
    private const int SpinsBeforeParking = 30;

    private readonly SemaphoreSlim _wake = new(0);
    private int _isParked;

    /// <summary>Returns when there is a reason to run. The thread's own call.</summary>
    public void SpinOrPark()
    {
        var spinner = new SpinWait();
        for (var spin = 0; spin < SpinsBeforeParking; spin++)
        {
            if (hasReasonToRun())
                return;
            spinner.SpinOnce(sleep1Threshold: -1);
        }
        Volatile.Write(ref _isParked, 1);
        Interlocked.MemoryBarrier();
        if (hasReasonToRun() && Interlocked.Exchange(ref _isParked, 0) == 1)
            return;
        _wake.Wait();
    }

    /// <summary>Lets time pass, so that more work may queue up. The thread's own call.</summary>
    public void Pause(TimeSpan time) => _wake.Wait(time);

    /// <summary>Wakes the thread if it is parked. Whoever takes the flag owes exactly one release, and the thread waits for exactly one.</summary>
    public void Wake()
    {
        if (Volatile.Read(ref _isParked) == 1 && Interlocked.Exchange(ref _isParked, 0) == 1)
            _wake.Release();
    }

    public void Dispose() => _wake.Dispose();
}
