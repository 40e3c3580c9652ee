using ExactlyOnce.Kernel.Partitions;

namespace ExactlyOnce.Engine.Partitions;

/// <summary>What a partition answered to an append. Valid for the client only once the journal's visible LSN has reached <see cref="Lsn"/>.</summary>
internal readonly struct AppendReceipt
{
    public ErrorCode Error { get; init; }

    /// <summary>True when the batch is transactional and its producer has not been enrolled here: enrol it under the coordination lock and try again.</summary>
    public bool NeedsEnrolment { get; init; }

    /// <summary>The newest state this answer relied on; the reply waits for it, a refusal too.</summary>
    public long Lsn { get; init; }

    public long BaseOffset { get; init; }

    /// <summary>The append time of LogAppendTime topics, Unix milliseconds; else −1.</summary>
    public long LogAppendTimeMs { get; init; }

    public bool IsDuplicate { get; init; }

    /// <summary>The verdict behind a refusal, for the words of the error.</summary>
    public AppendVerdict Verdict { get; init; }

    /// <summary>The sequence that would have been accepted, −1 when any would; of a refusal.</summary>
    public int ExpectedSequence { get; init; }
}
