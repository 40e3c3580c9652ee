namespace ExactlyOnce.Testing.Brokers;

/// <summary>Something that runs in the process that a test broker stands for, and is started again after each of its deaths.</summary>
internal sealed class TestApplication(Func<Broker, CancellationToken, Task> run, TestScheduler scheduler, bool hasLoops) : IDisposable
{
    private CancellationTokenSource? _ending;
    private LoopState? _loop;

    /// <summary>The run of the current life.</summary>
    public Task Running { get; private set; } = Task.CompletedTask;

    /// <summary>What it has thrown in its current life; null for nothing. Known before anybody is told that it has ended.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>The loop that has ended in the middle of its work, if any; see <see cref="LoopState.IsLeaving"/>.</summary>
    public LoopState? Leaving => _loop is { IsLeaving: true } loop ? loop : null;

    /// <summary>One of its consumers was given records and has not come back for more.</summary>
    public bool IsAtWork => _loop is { IsBusy: true };

    public void Start(Broker broker)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            _ending = new CancellationTokenSource();
            _loop = hasLoops ? new LoopState(scheduler) : null;
            Failure = null;
            Running = StartAsync(broker, _loop, _ending.Token);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    /// <summary>The process it ran in is dead: whatever it waits for ends.</summary>
    public void Kill()
    {
        _loop = null;
        _ending?.Cancel();
    }

    /// <summary>Ends the run. A handler that does not return is left behind when the time is over.</summary>
    public async Task StopAsync(TimeSpan patience, TimeProvider time)
    {
        Kill();
        await Running.WaitAsync(patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _ending?.Dispose();

    // An asynchronous method of its own: what it enters is left again with its return.
    private async Task StartAsync(Broker broker, LoopState? loop, CancellationToken cancellationToken)
    {
        TestScheduler.EnterApplication();
        TestBackend.Enter(loop);
        try
        {
            await run(broker, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Asked to end.
        }
        catch (Exception exception) when (Note(exception, cancellationToken))
        {
            throw;
        }
        finally
        {
            loop?.End();
            scheduler.Pulse();
        }
    }

    // What a life throws that was killed meanwhile is not its successor's.
    private bool Note(Exception exception, CancellationToken cancellationToken)
    {
        if (!cancellationToken.IsCancellationRequested)
            Failure = exception;
        return true;
    }
}
