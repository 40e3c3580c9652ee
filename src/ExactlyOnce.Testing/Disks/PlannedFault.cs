namespace ExactlyOnce.Testing.Disks;

/// <summary>How a disk operation fails.</summary>
public enum FaultKind
{
    /// <summary>
    /// EIO. A write leaves any part of itself. A sync forgets what it should have synced: readable, called clean, and lost in the next power cut.
    /// </summary>
    IoError,

    /// <summary>ENOSPC: a write leaves its first part; a sync behaves as for EIO (delayed allocation).</summary>
    NoSpace,

    /// <summary>EDQUOT: as <see cref="NoSpace"/>.</summary>
    QuotaExceeded,

    /// <summary>EROFS: nothing is done. For ever, when the file system has given itself up.</summary>
    ReadOnly,

    /// <summary>One bit of what is read or written is another one, and nobody is told.</summary>
    BitRot,

    /// <summary>A read answers, or a write goes to, another sector of the file, and nobody is told.</summary>
    Misdirected,

    /// <summary>A sync that says it has, and has not.</summary>
    Lie,

    /// <summary>Ten seconds go by; then the operation is done.</summary>
    Stall,

    /// <summary>The device never answers again, which ends as a crash: somebody pulls the plug.</summary>
    Dead,
}

/// <summary>What a failed sync leaves in the page cache. In each case what it did not write is called clean, and no later sync writes it.</summary>
internal enum SyncFailure
{
    /// <summary>Readers see what was written; every handle is told once (ext4, XFS).</summary>
    KeepsCache,

    /// <summary>Readers see what is on the device; every handle is told once (Btrfs).</summary>
    RevertsCache,

    /// <summary>Readers see what was written; only the handle that asked first is told.</summary>
    TellsOneHandle,

    /// <summary>From then on the file system is read-only: EROFS.</summary>
    EndsWriting,
}

/// <summary>Kinds of disk operations, as faults and counters tell them apart.</summary>
[Flags]
internal enum DiskOperations
{
    None = 0,
    Read = 1,
    Write = 2,
    SetLength = 4,
    Sync = 8,
    SyncDirectory = 16,

    /// <summary>Creating, renaming and removing files and directories.</summary>
    Names = 32,

    Syncs = Sync | SyncDirectory,
    Changes = Write | SetLength | Names,
    All = Read | Changes | Syncs,
}

/// <summary>The n-th operation of some kinds fails, once or from there on for ever.</summary>
/// <param name="On">Which operations count.</param>
/// <param name="Position">Which of them fails, from 1, counted from when the fault is planned.</param>
/// <param name="Kind">How.</param>
/// <param name="ForEver">All after it fail too.</param>
internal sealed record PlannedFault(DiskOperations On, long Position, FaultKind Kind, bool ForEver = false)
{
    /// <summary>How many such operations there have been.</summary>
    public long Seen { get; private set; }

    /// <summary>True when the fault has shown itself.</summary>
    public bool HasStruck => Seen >= Position;

    public FaultKind? Strike(DiskOperations operation)
    {
        if ((On & operation) == 0)
            return null;
        Seen++;
        return Seen == Position || (ForEver && Seen > Position) ? Kind : null;
    }
}
