using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>One run of a pipeline, from the call of RunAsync to its return: shared by the workers, thread-safe.</summary>
internal sealed class PipelineRun : IDisposable
{
    private readonly CancellationTokenSource _ending;
    private readonly CancellationTokenSource _draining;
    private readonly ConcurrentDictionary<TopicPartition, HandlerFailedException> _stopped = new();
    // Continuations run inline and hop to the backend's scheduler by themselves: see PipelineWorker.
    private readonly TaskCompletionSource _allArrived = new();
    private Exception? _failure;
    private int _workersToArrive;
    private volatile bool _isCaughtUp;

    public PipelineRun(bool untilCaughtUp, int workers, CancellationToken cancellationToken)
    {
        UntilCaughtUp = untilCaughtUp;
        _workersToArrive = workers;
        _ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _draining = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        Ending = _ending.Token;
        Draining = _draining.Token;
    }

    /// <summary>Cancelled when the run is to end, for whatever reason.</summary>
    public CancellationToken Ending { get; }

    /// <summary>Cancelled when nothing more is to be read: the batch at hand is finished. Whatever ends the run cancels this as well.</summary>
    public CancellationToken Draining { get; }

    public bool UntilCaughtUp { get; }

    public bool IsCaughtUp => _isCaughtUp;

    /// <summary>The partitions that the run does not read any more, because of a record the handler fails on.</summary>
    public ICollection<TopicPartition> StoppedPartitions => _stopped.Keys;

    public bool IsStopped(TopicPartition partition) => !_stopped.IsEmpty && _stopped.ContainsKey(partition);

    public void StopPartition(TopicPartition partition, HandlerFailedException cause) => _stopped[partition] = cause;

    /// <summary>Completes when every worker has joined the group, or has tried to.</summary>
    public Task AllArrived => _allArrived.Task;

    /// <summary>Called once by every worker, when it has joined the group or failed to.</summary>
    public void Arrive()
    {
        if (Interlocked.Decrement(ref _workersToArrive) == 0)
            _allArrived.SetResult();
    }

    /// <summary>Ends the run by an exception; the first one counts.</summary>
    public void Fail(Exception exception)
    {
        Interlocked.CompareExchange(ref _failure, exception, null);
        End();
    }

    /// <summary>Ends the run because there is nothing left to do.</summary>
    public void CatchUp()
    {
        _isCaughtUp = true;
        End();
    }

    public void End() => Cancel(_ending);

    public void Drain() => Cancel(_draining);

    /// <summary>Throws what the caller of the run must know; called when all workers have ended.</summary>
    public void ThrowIfFailed(CancellationToken cancellationToken)
    {
        if (_failure is not null)
            ExceptionDispatchInfo.Throw(_failure);
        if (!UntilCaughtUp)
            return;
        if (!_isCaughtUp)
            throw new OperationCanceledException("The run was ended before the pipeline had caught up.", cancellationToken);
        foreach (var (_, cause) in _stopped)
            throw cause;
    }

    private static void Cancel(CancellationTokenSource source)
    {
        try
        {
            source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The run is over.
        }
    }

    public void Dispose()
    {
        _draining.Dispose();
        _ending.Dispose();
    }
}
