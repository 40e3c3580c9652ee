using System.IO.Pipelines;
using ExactlyOnce.Engine.Journal;

namespace ExactlyOnce.Engine.Backend;

/// <summary>
/// Turns "wait until this LSN is visible" into a task, for calls that are not on the path of a record. Its continuation, which may be a caller's code, is a
/// piece of work of its own on the completions scheduler, so that it holds up no acknowledgement behind it.
/// </summary>
internal sealed class VisibilityWait : TaskCompletionSource, IVisibilityWaiter
{
    private readonly PipeScheduler _completions;
    private StorageException? _failure;

    private VisibilityWait(PipeScheduler completions) => _completions = completions;

    public static ValueTask For(BrokerEngine engine, long lsn)
    {
        if (engine.IsVisible(lsn))
            return default;
        var wait = new VisibilityWait(engine.Environment.Completions);
        return engine.Journal.IsVisibleOrWait(lsn, wait) ? default : new ValueTask(wait.Task);
    }

    void IVisibilityWaiter.Complete(StorageException? failure)
    {
        _failure = failure;
        _completions.Schedule(static state => ((VisibilityWait)state!).Finish(), this);
    }

    private void Finish()
    {
        if (_failure is { } failure)
            SetException(Refusals.Failed(failure));
        else
            SetResult();
    }
}
