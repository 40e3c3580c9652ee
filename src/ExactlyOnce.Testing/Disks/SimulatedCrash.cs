namespace ExactlyOnce.Testing.Disks;

/// <summary>The machine died at this disk operation. Thrown by it and by every later one; what survived is on the disk that <c>SimulatedDisk.Crash</c> returns.</summary>
internal sealed class SimulatedCrash(long operation, string description) : Exception($"Simulated crash at disk operation {operation}: {description}.");

/// <summary>What a crash does to writes and directory operations that were not synced.</summary>
public enum CrashProfile
{
    /// <summary>They survive in order up to some point; a write at that point is torn at any byte.</summary>
    Prefix,

    /// <summary>Any subset of their 512-byte sectors and of the directory operations survives; a file may have grown by sectors that were lost (zeros).</summary>
    LostSectors,

    /// <summary>One write is torn at a sector, front or back surviving; those before it survive, those after it do not.</summary>
    Torn,

    /// <summary>Only the process died: everything is in the page cache, and still not durable should the power fail next.</summary>
    AllSurvive,
}

/// <summary>How a disk operation fails.</summary>
public enum FaultKind
{
    /// <summary>EIO. A write leaves any part of itself. A sync forgets what it should have synced: readable, called clean, and lost in the next power cut.</summary>
    IoError,

    /// <summary>ENOSPC: a write leaves its first part; a sync behaves as for EIO (delayed allocation).</summary>
    NoSpace,
}
