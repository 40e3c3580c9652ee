using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>Which batches a search by time looks into.</summary>
internal delegate bool BatchFilter(in BatchHeader header);

/// <summary>A record found by time.</summary>
internal readonly record struct FoundRecord(long Offset, long TimestampMs);

/// <summary>Finds records by timestamp (A14.2), through the time indexes of the files and the largest timestamps of segments and chunks.</summary>
internal static class LogSearch
{
    private const int ReadBytes = 64 * 1024;

    /// <summary>
    /// The first record at or behind <paramref name="fromOffset"/> and below <paramref name="limit"/> whose timestamp is at or after
    /// <paramref name="timestampMs"/>; null when there is none. Control batches are never looked into.
    /// </summary>
    /// <param name="source">Where to look.</param>
    /// <param name="timestampMs">Unix milliseconds.</param>
    /// <param name="fromOffset">At or above the log's start.</param>
    /// <param name="limit">An offset between batches.</param>
    /// <param name="isWanted">False for batches to pass over, such as aborted ones; null for all.</param>
    /// <param name="decompressor">Opens compressed batches.</param>
    public static FoundRecord? FindByTimestamp(
        IPartitionViewSource source, long timestampMs, long fromOffset, long limit, BatchFilter? isWanted, BatchDecompressor decompressor)
    {
        var view = source.View;
        // Over the source and not over this view: what is moved or rewritten meanwhile is read where it is then.
        using var cursor = new LogCursor(source, fromOffset);
        foreach (var segment in view.Segments[view.NumberOf(fromOffset)..])
        {
            if (segment.Description.MaxTimestamp < timestampMs || segment.BaseOffset >= limit)
                continue;
            cursor.Seek(Math.Max(fromOffset, StartIn(segment, timestampMs)));
            if (Look(cursor, timestampMs, fromOffset, Math.Min(limit, segment.NextOffset), isWanted, decompressor) is { } found)
                return found;
        }
        for (var chunk = view.FirstChunk; chunk is not null && chunk.BaseOffset < limit; chunk = chunk.Next)
        {
            var end = chunk.IsClosed && chunk.Next is { } next ? Math.Min(next.BaseOffset, limit) : limit;
            if (end <= Math.Max(fromOffset, view.TailBegin) || (chunk.IsClosed && chunk.MaxTimestamp < timestampMs))
                continue;
            cursor.Seek(Math.Max(Math.Max(fromOffset, view.TailBegin), chunk.BaseOffset));
            if (Look(cursor, timestampMs, fromOffset, end, isWanted, decompressor) is { } found)
                return found;
        }
        return null;
    }

    private static long StartIn(LogSegment segment, long timestampMs)
    {
        // Deleted or rewritten meanwhile: the cursor finds what there is.
        if (!segment.File.TryLease())
            return segment.BaseOffset;
        try
        {
            return segment.FindByTimestamp(timestampMs);
        }
        finally
        {
            segment.File.Release();
        }
    }

    private static FoundRecord? Look(
        LogCursor cursor, long timestampMs, long fromOffset, long limit, BatchFilter? isWanted, BatchDecompressor decompressor)
    {
        while (cursor.TryRead(limit, ReadBytes, out var batches) == LogRead.Batches)
        {
            for (var rest = batches.Span; !rest.IsEmpty;)
            {
                var header = BatchHeader.Read(rest);
                var isCandidate = header.MaxTimestamp >= timestampMs && !header.IsControl && (isWanted is null || isWanted(header));
                if (isCandidate && FindIn(decompressor.Open(header, rest[..header.SizeInBytes]), timestampMs, fromOffset) is { } found)
                    return found;
                rest = rest[header.SizeInBytes..];
            }
        }
        return null;
    }

    private static FoundRecord? FindIn(BatchReader records, long timestampMs, long fromOffset)
    {
        while (records.MoveNext())
        {
            if (records.TimestampMs >= timestampMs && records.Offset >= fromOffset)
                return new FoundRecord(records.Offset, records.TimestampMs);
        }
        return null;
    }
}
