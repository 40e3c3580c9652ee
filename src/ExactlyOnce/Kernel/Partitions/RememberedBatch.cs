using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>What a partition remembers of one appended batch, to recognise its retry and to answer it like the original.</summary>
/// <param name="BaseSequence">The first record's sequence.</param>
/// <param name="OffsetDelta">The last record's distance from the first, in offsets and in sequences alike.</param>
/// <param name="BaseOffset">The first record's offset.</param>
/// <param name="MaxTimestamp">The batch's largest timestamp. Unix milliseconds.</param>
/// <param name="AppendTimeMs">The broker's time at the append. Unix milliseconds.</param>
/// <param name="Lsn">Where the batch stands in the journal: a retry is acknowledged only when that much is durable.</param>
internal readonly record struct RememberedBatch(
    int BaseSequence,
    int OffsetDelta,
    long BaseOffset,
    long MaxTimestamp,
    long AppendTimeMs,
    long Lsn)
{
    public int LastSequence => Sequence.Add(BaseSequence, OffsetDelta);

    public long LastOffset => BaseOffset + OffsetDelta;
}
