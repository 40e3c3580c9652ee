using ExactlyOnce.Engine.Journal;

namespace ExactlyOnce.Engine.Backend;

/// <summary>Turns "wait until this LSN is visible" into a task, for calls that are not on the path of a record.</summary>
internal sealed class VisibilityWait : TaskCompletionSource, IVisibilityWaiter
{
    private VisibilityWait()
        : base(TaskCreationOptions.RunContinuationsAsynchronously)
    {
    }

    public static ValueTask For(JournalWriter journal, long lsn)
    {
        journal.Drive();
        if (lsn <= journal.VisibleLsn)
            return default;
        var wait = new VisibilityWait();
        return journal.IsVisibleOrWait(lsn, wait) ? default : new ValueTask(wait.Task);
    }

    void IVisibilityWaiter.Complete(StorageException? failure)
    {
        if (failure is null)
            TrySetResult();
        else
            TrySetException(Refusals.Failed(failure));
    }
}
