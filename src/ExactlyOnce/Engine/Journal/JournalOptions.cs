namespace ExactlyOnce.Engine.Journal;

/// <summary>Sizes and times of a journal.</summary>
internal sealed record JournalOptions
{
    public Durability Durability { get; init; } = Durability.Flushed;

    /// <summary>Size of a journal file. A quarter of it bounds the largest frame, so that rolling to the next file never wastes more.</summary>
    public long FileBytes { get; init; } = 64L << 20;

    /// <summary>
    /// New files are zeroed ahead of the writer in steps of this size: a write into zeroed blocks needs no metadata, which makes its sync cheaper.
    /// </summary>
    public int ZeroStepBytes { get; init; } = 4 << 20;

    /// <summary>What one group gathers at most, unless a single frame is larger.</summary>
    public int GroupBytesMax { get; init; } = 8 << 20;

    /// <summary>Bytes waiting for the disk at which a broker should begin to slow down.</summary>
    public long QueueBytesSoft { get; init; } = 16L << 20;

    /// <summary>Bytes waiting for the disk at which producers wait. Commits, aborts and offsets have their own share and do not.</summary>
    public long QueueBytesHard { get; init; } = 32L << 20;

    /// <summary>How long a group waits for company after its first frame. Zero: whatever queued up during the last sync is company enough.</summary>
    public TimeSpan CommitDelay { get; init; }

    /// <summary>Files kept for the next generations after a checkpoint; the others are deleted.</summary>
    public int SpareFilesMax { get; init; } = 2;

    /// <summary>The largest frame; checked when something is enrolled, so that a commit never meets it.</summary>
    public long FrameBytesMax => FileBytes / 4;

    public void AssertValid()
    {
        if (FileBytes % JournalFormat.BlockBytes != 0 || FileBytes < 8 * JournalFormat.BlockBytes || FileBytes > 1L << 30)
            throw new ArgumentOutOfRangeException(nameof(FileBytes), FileBytes, "A journal file has 32 KiB to 1 GiB, in whole 4 KiB blocks.");
        if (ZeroStepBytes < JournalFormat.BlockBytes || GroupBytesMax < JournalFormat.BlockBytes)
            throw new ArgumentOutOfRangeException(nameof(ZeroStepBytes), "Steps and groups have at least 4 KiB.");
    }
}
