namespace ExactlyOnce.Kernel.Groups.Offsets;

/// <summary>What a fetch of one committed offset found.</summary>
internal enum FetchStatus : byte
{
    /// <summary>Nothing is committed.</summary>
    None = 0,
    Value = 1,
    /// <summary>An open transaction holds an offset for the partition and the caller wants none that may be about to change.</summary>
    Unstable = 2,
}

/// <summary>A committed offset, or why there is none. The answer may leave when the frame at <paramref name="Lsn"/> is visible.</summary>
internal readonly record struct FetchedOffset(FetchStatus Status, StoredOffset Stored, long Lsn);
