using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// A partition's verdict on one batch, with what an answer or an error message needs. Valid until the partition changes: take it and apply it
/// within one hold of the partition's lock.
/// </summary>
internal readonly struct AppendDecision
{
    public AppendVerdict Verdict { get; private init; }

    /// <summary>The newest epoch known of the producer, −1 when it is unknown here.</summary>
    public short KnownEpoch { get; private init; }

    /// <summary>The sequence that would have been accepted, −1 when any would.</summary>
    public int ExpectedSequence { get; private init; }

    /// <summary>The producer's last sequence at its known epoch, −1 for none.</summary>
    public int LastSequence { get; private init; }

    /// <summary>A duplicate's original: its first offset. −1 otherwise.</summary>
    public long OriginalBaseOffset { get; private init; }

    /// <summary>A duplicate's original: its largest timestamp, which Kafka answers as the append time. Unix milliseconds, −1 otherwise.</summary>
    public long OriginalTimestamp { get; private init; }

    /// <summary>A duplicate's original: the broker's time when it was appended. Unix milliseconds, −1 otherwise.</summary>
    public long OriginalAppendTimeMs { get; private init; }

    /// <summary>The newest LSN this verdict relied on; an answer other than Append may leave when that much is visible.</summary>
    public long Lsn { get; private init; }

    public bool IsAppend => Verdict == AppendVerdict.Append;

    // Saves Apply the second look-up.
    internal ProducerEntry? Entry { get; private init; }

    internal static AppendDecision Append(ProducerEntry? entry) => new()
    {
        Verdict = AppendVerdict.Append,
        Entry = entry,
        KnownEpoch = ProducerIdentity.NoEpoch,
        ExpectedSequence = Sequence.None,
        LastSequence = Sequence.None,
        OriginalBaseOffset = -1,
        OriginalTimestamp = -1,
        OriginalAppendTimeMs = -1,
    };

    internal static AppendDecision Duplicate(ProducerEntry entry, in RememberedBatch original) => new()
    {
        Verdict = AppendVerdict.Duplicate,
        KnownEpoch = entry.KnownEpoch,
        ExpectedSequence = Sequence.Next(entry.Window.LastSequence),
        LastSequence = entry.Window.LastSequence,
        OriginalBaseOffset = original.BaseOffset,
        OriginalTimestamp = original.MaxTimestamp,
        OriginalAppendTimeMs = original.AppendTimeMs,
        Lsn = original.Lsn,
    };

    internal static AppendDecision Refuse(AppendVerdict verdict, ProducerEntry entry, int expectedSequence) => new()
    {
        Verdict = verdict,
        KnownEpoch = entry.KnownEpoch,
        ExpectedSequence = expectedSequence,
        LastSequence = entry.Window.LastSequence,
        OriginalBaseOffset = -1,
        OriginalTimestamp = -1,
        OriginalAppendTimeMs = -1,
        Lsn = entry.Lsn,
    };

    /// <summary>A refusal for a producer that has no entry; <paramref name="lsn"/> stands for everything that says so.</summary>
    internal static AppendDecision RefuseUnknown(AppendVerdict verdict, int expectedSequence, long lsn) => new()
    {
        Verdict = verdict,
        KnownEpoch = ProducerIdentity.NoEpoch,
        ExpectedSequence = expectedSequence,
        LastSequence = Sequence.None,
        OriginalBaseOffset = -1,
        OriginalTimestamp = -1,
        OriginalAppendTimeMs = -1,
        Lsn = lsn,
    };
}
