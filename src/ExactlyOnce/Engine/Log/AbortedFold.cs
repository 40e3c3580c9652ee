using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Finds the aborted transactions of a log by reading it from its beginning (A13.4): what a lost transaction index is rebuilt from.
/// </summary>
internal sealed class AbortedFold
{
    private readonly Dictionary<long, long> _openFirstOffsets = [];
    private byte[] _marker = new byte[ControlBatch.MarkerSize];

    /// <summary>In the order of their markers.</summary>
    public List<AbortedEntry> Entries { get; } = [];

    /// <summary>Goes on with the valid bytes of the next segment.</summary>
    /// <exception cref="DamagedStorageException">The log itself is damaged.</exception>
    public void Add(SegmentFile file, SegmentDescription segment)
    {
        if (!file.TryLease())
            throw new InvalidOperationException("A segment that is being opened is nobody's to retire.");
        try
        {
            using var scanner = new SegmentScanner(file, 0, segment.LogLength, segment.HasHoles);
            while (scanner.TryNext(out var header))
            {
                if (header.HasProducer && header.IsTransactional)
                    Add(header, file, scanner.Position);
            }
        }
        finally
        {
            file.Release();
        }
    }

    private void Add(in BatchHeader header, SegmentFile file, long position)
    {
        var producerId = header.Producer.Id;
        if (!header.IsControl)
        {
            // An emptied batch holds nothing that a reader would have to skip.
            if (header.RecordCount > 0)
                _openFirstOffsets.TryAdd(producerId, header.BaseOffset);
            return;
        }
        if (!_openFirstOffsets.Remove(producerId, out var firstOffset) || IsCommit(header, file, position))
            return;
        var lastStable = header.NextOffset;
        foreach (var open in _openFirstOffsets.Values)
            lastStable = Math.Min(lastStable, open);
        Entries.Add(new AbortedEntry(producerId, firstOffset, header.LastOffset, lastStable));
    }

    private bool IsCommit(in BatchHeader header, SegmentFile file, long position)
    {
        if (_marker.Length < header.SizeInBytes)
            _marker = new byte[header.SizeInBytes];
        var batch = _marker.AsSpan(0, header.SizeInBytes);
        if (file.Read(position, batch) < batch.Length || !BatchHeader.HasValidCrc(batch))
            throw new DamagedStorageException(file.LogPath, position, $"the marker at offset {header.BaseOffset} does not have the checksum it carries");
        try
        {
            return ControlBatch.TryReadMarker(batch, out var marker) && marker.IsCommit;
        }
        catch (CorruptRecordException exception)
        {
            throw new DamagedStorageException(file.LogPath, position, exception.Message.TrimEnd('.'), exception);
        }
    }
}
