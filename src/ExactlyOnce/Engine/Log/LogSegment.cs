using System.Buffers;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// A segment as one checkpoint left it: immutable, also when the file behind it grows; then the next view has a longer one over the same file.
/// Its transaction index is held in memory, because a reader that has the data must never miss an entry for it.
/// </summary>
internal sealed class LogSegment
{
    private const int SeekWindowBytes = 8 * 1024;

    public LogSegment(SegmentFile file, SegmentDescription description, AbortedEntry[] aborted)
    {
        File = file;
        Description = description;
        AbortedEntries = aborted;
    }

    public SegmentFile File { get; }

    public SegmentDescription Description { get; }

    public long BaseOffset => Description.BaseOffset;

    public long NextOffset => Description.NextOffset;

    public long LogLength => Description.LogLength;

    /// <summary>The aborted transactions whose markers stand in here.</summary>
    public ReadOnlySpan<AbortedEntry> Aborted => AbortedEntries;

    internal AbortedEntry[] AbortedEntries { get; }

    /// <summary>
    /// Where the batch begins that holds <paramref name="offset"/> or is the first one behind it; the segment's length when there is none. The caller has
    /// leased the file.
    /// </summary>
    /// <exception cref="DamagedStorageException">The log is damaged on the way there.</exception>
    public long FindPosition(long offset)
    {
        if (offset <= BaseOffset)
            return 0;
        if (FindIndexed(offset) is not { } entry)
            return Scan(offset);
        using var scanner = new SegmentScanner(File, entry.Position, LogLength, Description.HasHoles, SeekWindowBytes);
        // An entry that does not describe the batch it points to is damaged: then from the beginning, slower and right.
        if (!Describes(entry, scanner))
            return Scan(offset);
        return BaseOffset + entry.RelativeOffset == offset ? scanner.Position : Scan(offset, scanner);
    }

    /// <summary>
    /// An offset in this segment to start looking from: no record at or after <paramref name="timestampMs"/> stands in a batch that ends in front of it.
    /// The caller has leased the file.
    /// </summary>
    public long FindByTimestamp(long timestampMs)
    {
        var path = File.PathOf(SegmentName.TimeIndexSuffix);
        var length = Description.TimeIndexLength;
        if (length == 0 || !File.Disk.FileExists(path))
            return BaseOffset;
        var index = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            using var file = File.Disk.Open(path, FileOpening.Read);
            var isValid = file.Read(0, index.AsSpan(0, length)) == length && TimeIndex.IsValid(index.AsSpan(0, length), Description.TimeIndexCrc);
            return isValid ? BaseOffset + TimeIndex.Find(index.AsSpan(0, length), timestampMs) : BaseOffset;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(index);
        }
    }

    public override string ToString() => $"[{BaseOffset}, {NextOffset}) {File.LogPath}";

    private OffsetIndexEntry? FindIndexed(long offset)
    {
        var path = File.PathOf(SegmentName.OffsetIndexSuffix);
        if (Description.OffsetIndexLength == 0 || !File.Disk.FileExists(path))
            return null;
        using var file = File.Disk.Open(path, FileOpening.Read);
        var entry = OffsetIndex.Find(file, Description.OffsetIndexLength, offset - BaseOffset);
        return entry is { Position: >= 0 } found && found.Position < LogLength ? found : null;
    }

    private bool Describes(OffsetIndexEntry entry, SegmentScanner scanner)
    {
        try
        {
            return scanner.TryNext(out var header) && header.LastOffset - BaseOffset == entry.RelativeOffset;
        }
        catch (DamagedStorageException)
        {
            // Perhaps the entry is wrong and not the log; the scan from the beginning will tell.
            return false;
        }
    }

    private long Scan(long offset)
    {
        using var scanner = new SegmentScanner(File, 0, LogLength, Description.HasHoles);
        return Scan(offset, scanner);
    }

    private long Scan(long offset, SegmentScanner scanner)
    {
        while (scanner.TryNext(out var header))
        {
            if (header.LastOffset >= offset)
                return scanner.Position;
        }
        return LogLength;
    }
}
