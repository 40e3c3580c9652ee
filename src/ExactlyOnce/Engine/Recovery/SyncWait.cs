using ExactlyOnce.Engine.Journal;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>Blocks a background thread until an LSN is visible or the journal has failed.</summary>
internal sealed class SyncWait : IVisibilityWaiter, IDisposable
{
    private readonly ManualResetEventSlim _done = new();

    private SyncWait()
    {
    }

    public static void For(JournalWriter journal, long lsn)
    {
        journal.DriveToEnd();
        // With one thread the waiter's completion would wait for us.
        if (journal.Failure is not null)
            return;
        using var wait = new SyncWait();
        if (!journal.IsVisibleOrWait(lsn, wait))
            wait._done.Wait();
    }

    public void Dispose() => _done.Dispose();

    void IVisibilityWaiter.Complete(StorageException? failure) => _done.Set();
}
