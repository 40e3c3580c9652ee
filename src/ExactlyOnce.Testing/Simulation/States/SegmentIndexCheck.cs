using System.Buffers.Binary;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;

namespace ExactlyOnce.Testing.Simulation.States;

/// <summary>A segment's offset and time index, entry by entry, against the batches in its log.</summary>
internal static class SegmentIndexCheck
{
    /// <summary>The first thing that is wrong; null when nothing is.</summary>
    public static string? FindDifference(LogSegment segment)
    {
        // By last offset: where the batch stands, and the largest timestamp up to it.
        var batches = new Dictionary<long, Place>();
        var newest = new Place(0, -1, -1);
        segment.File.TryLease();
        try
        {
            using var scanner = new SegmentScanner(segment.File, 0, segment.LogLength, segment.Description.HasHoles);
            while (scanner.TryNext(out var header))
            {
                newest = header.MaxTimestamp > newest.MaxTimestamp ? new Place(0, header.MaxTimestamp, header.LastOffset) : newest;
                batches.Add(header.LastOffset - segment.BaseOffset, newest with { Position = scanner.Position });
            }
        }
        finally
        {
            segment.File.Release();
        }
        if (segment.Description.MaxTimestamp != newest.MaxTimestamp || segment.Description.MaxTimestampOffset != newest.MaxTimestampOffset)
            return $"its description says {segment.Description.MaxTimestamp} at {segment.Description.MaxTimestampOffset} is the largest timestamp, its log {newest.MaxTimestamp} at {newest.MaxTimestampOffset}";
        return FindInOffsets(segment, batches) ?? FindInTimes(segment, batches);
    }

    private static string? FindInOffsets(LogSegment segment, Dictionary<long, Place> batches)
    {
        var index = Read(segment, SegmentName.OffsetIndexSuffix, segment.Description.OffsetIndexLength);
        for (var entry = index.AsSpan(); !entry.IsEmpty; entry = entry[OffsetIndex.EntrySize..])
        {
            var (offset, position) = (BinaryPrimitives.ReadInt32BigEndian(entry), BinaryPrimitives.ReadInt32BigEndian(entry[4..]));
            if (!batches.TryGetValue(offset, out var place) || place.Position != position)
                return $"the offset index says that the batch which ends at {offset} stands at {position}";
        }
        return null;
    }

    private static string? FindInTimes(LogSegment segment, Dictionary<long, Place> batches)
    {
        var index = Read(segment, SegmentName.TimeIndexSuffix, segment.Description.TimeIndexLength);
        for (var entry = index.AsSpan(); !entry.IsEmpty; entry = entry[TimeIndex.EntrySize..])
        {
            var (timestamp, offset) = (BinaryPrimitives.ReadInt64BigEndian(entry), BinaryPrimitives.ReadInt32BigEndian(entry[8..]));
            if (!batches.TryGetValue(offset, out var place) || place.MaxTimestamp != timestamp || place.MaxTimestampOffset != segment.BaseOffset + offset)
                return $"the time index says that {timestamp} is the largest timestamp up to {offset}";
        }
        return null;
    }

    private static byte[] Read(LogSegment segment, string suffix, int length)
    {
        if (length == 0)
            return [];
        var bytes = new byte[length];
        using var file = segment.File.Disk.Open(segment.File.PathOf(suffix), FileOpening.Read);
        return file.Read(0, bytes) == length ? bytes : throw new SimulationFailedException("I17", $"{segment}: its {suffix} is shorter than {length} bytes.");
    }

    private readonly record struct Place(long Position, long MaxTimestamp, long MaxTimestampOffset);
}
