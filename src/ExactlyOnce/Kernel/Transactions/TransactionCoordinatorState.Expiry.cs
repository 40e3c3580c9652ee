using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

internal sealed partial class TransactionCoordinatorState
{
    /// <summary>
    /// Ids that one decision removes: as long as the coordination lock should be held, and so many that the search is not begun anew too often.
    /// </summary>
    public const int ExpiredIdsMax = 10_000;

    /// <summary>
    /// Removes ids that have been idle for too long, at most <paramref name="idsMax"/> at once, and tombstones that have been kept for long enough. An id with
    /// an open, prepared or ending transaction never expires, nor one in <paramref name="live"/>: a connected or in-process holder is activity in itself.
    /// </summary>
    public TransactionDecision DecideExpiry(long nowMs, IReadOnlySet<string> live, int idsMax = ExpiredIdsMax)
    {
        var records = new List<TransactionRecord>();
        foreach (var (id, entry) in _entries)
        {
            if (records.Count == idsMax)
                break;
            if (entry.State.IsIdle() && nowMs - entry.Current.UpdateMs >= Rules.ExpiryMs && !live.Contains(id))
                records.Add(new EntryRemovedRecord(id, entry.Identity, nowMs));
        }
        foreach (var (id, tombstone) in _tombstones)
        {
            if (records.Count == idsMax)
                break;
            if (nowMs - tombstone.AtMs >= Rules.TombstoneRetentionMs)
                records.Add(new EntryRemovedRecord(id, ProducerIdentity.None, nowMs));
        }
        return records.Count == 0 ? TransactionDecision.Nothing : new TransactionDecision { Records = records.ToArray() };
    }

    private void ApplyRemoved(EntryRemovedRecord removed)
    {
        if (removed.Tombstone.IsNone)
        {
            _tombstones.Remove(removed.TransactionalId);
            return;
        }
        var entry = Known(removed.TransactionalId);
        if (!TransactionState.Dead.MayFollow(entry.State) || removed.Tombstone != entry.Identity)
            throw new InvalidOperationException($"'{removed.TransactionalId}' cannot be removed as {removed.Tombstone}: it stands in {entry.State} {entry.Identity}.");
        _entries.Remove(removed.TransactionalId);
        _tombstones[removed.TransactionalId] = new Tombstone(removed.Tombstone, removed.AtMs);
    }
}
