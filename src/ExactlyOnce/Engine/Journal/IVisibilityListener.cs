namespace ExactlyOnce.Engine.Journal;

/// <summary>
/// Is told that the visible LSN has moved, after a full fence behind the store: whoever registered before it is seen, whoever comes later sees the new number.
/// </summary>
internal interface IVisibilityListener
{
    /// <summary>
    /// On the journal thread, or on the enqueuer's when the journal has none. Quick, takes no lock that is held around an enqueue, does not throw.
    /// </summary>
    void OnVisible(long visibleLsn);
}
