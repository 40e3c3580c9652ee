using ExactlyOnce.Engine.Journal;

namespace ExactlyOnce.Engine.Partitions;

/// <summary>
/// How a partition's readers sleep and are woken. Register, fence, look again: a frame that became visible in between is seen by the reader; one that becomes
/// visible later finds the registration. The other side stores, fences, and looks whether anybody is registered. At most one wake-up is on its way; whoever is
/// woken too early sleeps again and asks anew.
/// Owned by the partition.
/// </summary>
internal sealed class WakeUp(Partition partition) : IVisibilityWaiter
{
    private readonly ReadWaiters _waiters = new();
    private int _isScheduled;

    /// <summary>
    /// Calls <paramref name="wake"/> once when more than <paramref name="seen"/> is visible; answers false, without registering, when it already is.
    /// </summary>
    public bool TryWait(Mark seen, Action wake)
    {
        _waiters.Add(wake);
        Interlocked.MemoryBarrier();
        if (partition.VisibleMark != seen || partition.IsRetired)
        {
            _waiters.Remove(wake);
            return false;
        }
        long newest;
        using (partition.Lock.Enter())
            newest = partition.AppliedLsn;
        // What a failed journal has not made visible never will be: a reader that were woken for it would look again without end.
        if (newest > seen.Lsn && partition.Journal.Failure is null)
            At(newest);
        return true;
    }

    public void StopWaiting(Action wake) => _waiters.Remove(wake);

    /// <summary>Wakes whoever sleeps once <paramref name="lsn"/> is visible. Called after every lock is released.</summary>
    public void WakeAt(long lsn)
    {
        Interlocked.MemoryBarrier();
        if (_waiters.HasAny)
            At(lsn);
    }

    public void WakeNow() => _waiters.WakeAll();

    void IVisibilityWaiter.Complete(StorageException? failure) => OnVisible();

    private void At(long lsn)
    {
        if (Interlocked.Exchange(ref _isScheduled, 1) != 0)
            return;
        if (partition.Journal.IsVisibleOrWait(lsn, this))
            OnVisible();
    }

    private void OnVisible()
    {
        Volatile.Write(ref _isScheduled, 0);
        Interlocked.MemoryBarrier();
        _waiters.WakeAll();
    }
}
