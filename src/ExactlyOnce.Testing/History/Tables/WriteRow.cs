namespace ExactlyOnce.Testing.History.Tables;

/// <summary>What is known of one write. 40 bytes; rows stand in the order of the calls.</summary>
internal struct WriteRow
{
    public long Value;

    /// <summary>Where it stands, or −1 when nobody has said.</summary>
    public long Offset;

    /// <summary>Index of its <see cref="WriteStream"/>.</summary>
    public int Stream;

    /// <summary>Index of its transaction, or −1.</summary>
    public int Transaction;

    /// <summary>The row of the call before it in the same stream, or −1.</summary>
    public int Previous;

    public int InvokedAt;

    /// <summary>The event that last confirmed it: its call, its acknowledgement, or a read.</summary>
    public int ConfirmedAt;

    /// <summary>The life of the broker in which that was.</summary>
    public ushort Life;

    public WriteTraits Traits;

    public readonly bool Is(WriteTraits traits) => (Traits & traits) != 0;
}

[Flags]
internal enum WriteTraits : ushort
{
    None = 0,
    Acknowledged = 1,

    /// <summary>Answered with a failure: it is nowhere.</summary>
    Failed = 2,

    /// <summary>A reader of any isolation level has seen it.</summary>
    Seen = 4,

    /// <summary>A read_committed reader has seen it.</summary>
    SeenCommitted = 8,

    /// <summary>A retry of it was answered: I14 watches its offset.</summary>
    Retried = 16,

    /// <summary>A death that was allowed to take it took it.</summary>
    Lost = 32,

    /// <summary>Compaction was allowed to remove it, and did.</summary>
    Compacted = 64,
    IsTombstone = 128,
    IsKeyed = 256,

    /// <summary>It was reported as missing: once is enough.</summary>
    Reported = 512,
}
