namespace ExactlyOnce.Engine.Log;

/// <summary>
/// One segment file at one moment: what of it is valid and what is known of it. Immutable; a checkpoint that appends makes a new version over the same files.
/// </summary>
/// <param name="File">The files.</param>
/// <param name="BaseOffset">The offset it is named after.</param>
/// <param name="NextOffset">The offset behind its last batch.</param>
/// <param name="Length">Valid bytes of the log file; what lies behind them is not part of it.</param>
/// <param name="IndexLength">Valid bytes of the offset index.</param>
/// <param name="TimeIndexLength">Valid bytes of the time index.</param>
/// <param name="TransactionIndexLength">Valid bytes of the transaction index; 0 when there is no such file.</param>
/// <param name="MaxTimestamp">The largest record timestamp, −1 for none.</param>
/// <param name="FirstAppendMs">Broker time of its first append; ages the segment.</param>
/// <param name="LastAppendMs">Broker time of its last append; ages its records whatever timestamps they carry.</param>
/// <param name="Generation">How often compaction has rewritten it.</param>
/// <param name="IsSealed">Nothing is appended any more.</param>
internal sealed record LogSegment(
    SegmentFile File, long BaseOffset, long NextOffset, long Length, long IndexLength, long TimeIndexLength, long TransactionIndexLength,
    long MaxTimestamp, long FirstAppendMs, long LastAppendMs, int Generation, bool IsSealed)
{
    /// <summary>Where to begin looking for an offset: the last indexed batch that ends at or before it.</summary>
    public long PositionNear(long offset)
    {
        using var index = File.Disk.Open(File.IndexPath, Disk.FileOpening.Read);
        return new OffsetIndex(index, BaseOffset, IndexLength).PositionNear(offset);
    }

    /// <summary>The largest indexed offset in front of which every record is older than <paramref name="timestampMs"/>.</summary>
    public long OffsetNear(long timestampMs)
    {
        using var index = File.Disk.Open(File.TimeIndexPath, Disk.FileOpening.Read);
        return new TimeIndex(index, BaseOffset, TimeIndexLength).OffsetNear(timestampMs);
    }
}
