namespace ExactlyOnce.Engine.Journal;

/// <summary>The engine's ear at the journal.</summary>
internal interface IJournalListener : IVisibilityListener
{
    /// <summary>Once, on whichever thread met the failure: the visible LSN stays where it is.</summary>
    void OnFailed(StorageException cause);

    /// <summary>After a sync that succeeded, on the thread that made it, without a lock.</summary>
    void OnSynced(TimeSpan duration)
    {
    }
}
