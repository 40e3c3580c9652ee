namespace ExactlyOnce.Testing.History.Checks;

/// <summary>The commits that one committed offset may still be: those that no other one has overwritten for certain.</summary>
internal sealed class OffsetRegister
{
    private const int PruneAt = 16;

    private readonly List<OffsetWrite> _writes = [new OffsetWrite(-1, -1, null) { LatestAt = -1, CertainAt = -1 }];

    /// <summary>A death may have taken commits: any value will do until the next one.</summary>
    public bool IsInDoubt { get; set; }

    public void Add(OffsetWrite write, int oldestCall)
    {
        if (_writes.Count >= PruneAt)
            _writes.RemoveAll(old => IsOverwritten(old, oldestCall) is not null);
        _writes.Add(write);
    }

    public void Remove(OffsetWrite write) => _writes.Remove(write);

    /// <summary>Writes of a value that a reader who began at an event may see.</summary>
    public List<OffsetWrite> Explain(long value, int calledAt) => [.. _writes.Where(write => write.Value == value && IsOverwritten(write, calledAt) is null)];

    /// <summary>The certain commit that a reader who began at an event should have seen in place of an older value.</summary>
    public OffsetWrite? Newest(int calledAt) => _writes.Where(write => write.CertainAt < calledAt).MaxBy(write => write.InvokedAt);

    /// <summary>What was running when the broker died has happened by then or never.</summary>
    public void Die(int at)
    {
        foreach (var write in _writes)
            write.LatestAt = Math.Min(write.LatestAt, at);
    }

    private OffsetWrite? IsOverwritten(OffsetWrite write, int calledAt) => _writes.Find(newer => newer.CertainAt < calledAt && write.LatestAt < newer.InvokedAt);
}

/// <summary>One commit of one partition's offset.</summary>
internal sealed class OffsetWrite(long value, int invokedAt, Tables.TransactionRow? transaction)
{
    public long Value => value;

    public int InvokedAt => invokedAt;

    public Tables.TransactionRow? Transaction => transaction;

    /// <summary>If it took effect, then by this event.</summary>
    public int LatestAt { get; set; } = int.MaxValue;

    /// <summary>It did take effect by this event.</summary>
    public int CertainAt { get; set; } = int.MaxValue;

    /// <summary>When a reader saw it and it was the only explanation; or −1.</summary>
    public int ObservedAt { get; set; } = -1;

    public void HappenedBy(int at) => (LatestAt, CertainAt) = (Math.Min(LatestAt, at), Math.Min(CertainAt, at));
}
