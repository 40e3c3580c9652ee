using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// Wakes one waiting consumer. Auto-reset: a <see cref="Set"/> without a waiter is kept for the next <see cref="WaitAsync"/>. Set may be called from any
/// thread, many times; the continuation runs on the scheduler, never on the setter's stack.
/// </summary>
internal sealed class ReadSignal : IValueTaskSource
{
    private readonly PipeScheduler _scheduler;
    private readonly Lock _lock = new();
    private ManualResetValueTaskSourceCore<bool> _source;
    private CancellationTokenRegistration _cancellation;
    private bool _isSet;
    private bool _isWaiting;

    public ReadSignal(PipeScheduler scheduler) => _scheduler = scheduler;

    public void Set()
    {
        lock (_lock)
        {
            if (!_isWaiting)
            {
                _isSet = true;
                return;
            }
            _isWaiting = false;
        }
        _scheduler.Schedule(static state => ((ReadSignal)state!)._source.SetResult(true), this);
    }

    /// <summary>Waits for <see cref="Set"/>. One waiter at a time.</summary>
    public ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            if (_isWaiting)
                throw new InvalidOperationException("Only one wait at a time.");
            if (_isSet)
            {
                _isSet = false;
                return default;
            }
            _source.Reset();
            _isWaiting = true;
        }
        if (cancellationToken.CanBeCanceled)
            _cancellation = cancellationToken.UnsafeRegister(static (state, token) => ((ReadSignal)state!).Cancel(token), this);
        return new ValueTask(this, _source.Version);
    }

    private void Cancel(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (!_isWaiting)
                return;
            _isWaiting = false;
        }
        _source.SetException(new OperationCanceledException(cancellationToken));
    }

    void IValueTaskSource.GetResult(short token)
    {
        _cancellation.Dispose();
        _cancellation = default;
        _source.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
