namespace ExactlyOnce.Kernel.Partitions;

/// <summary>A partition's verdict on one transaction marker. Valid until the partition changes.</summary>
/// <param name="Verdict">Append, or why not.</param>
/// <param name="KnownEpoch">The newest epoch known of the producer, −1 when it is unknown here.</param>
/// <param name="KnownCoordinatorEpoch">The coordinator epoch of its last marker here, −1 for none.</param>
/// <param name="Lsn">The newest LSN the verdict relied on.</param>
internal readonly record struct MarkerDecision(MarkerVerdict Verdict, short KnownEpoch, int KnownCoordinatorEpoch, long Lsn)
{
    public bool IsAppend => Verdict == MarkerVerdict.Append;
}
