namespace ExactlyOnce.Engine.Journal;

/// <summary>Waits for an LSN to become visible. Pooled by its owner; told exactly once for each time it was registered.</summary>
internal interface IVisibilityWaiter
{
    /// <summary>
    /// Visible, or (with a cause) the journal failed and it never will be: the outcome is unknown. Called in LSN order, one at a time, where completions run.
    /// It must be quick and must not run a caller's code inline: whoever blocks here holds up every acknowledgement behind it.
    /// </summary>
    void Complete(StorageException? failure);
}
