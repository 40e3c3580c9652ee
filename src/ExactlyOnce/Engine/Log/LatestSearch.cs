using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Finds the record with the largest timestamp. Segments and closed chunks know theirs, so it is asked of them, the largest first, until no other can have a
/// larger one: that takes one batch's header, or where that batch is not wanted (aborted, behind the limit) the headers of its segment. Only a batch in which
/// the log begins is opened, and the one that has it.
/// </summary>
internal static class LatestSearch
{
    /// <summary>
    /// The first record with the largest timestamp at or behind <paramref name="fromOffset"/> and below <paramref name="limit"/>; null when no record there has
    /// any.
    /// </summary>
    public static FoundRecord? Find(IPartitionViewSource source, long fromOffset, long limit, BatchFilter isWanted, BatchDecompressor decompressor)
    {
        var latest = TimeInFirst(source, fromOffset, limit, isWanted, decompressor);
        foreach (var stretch in StretchesOf(source.View, fromOffset, limit).OrderByDescending(stretch => stretch.TimeMax))
        {
            if (stretch.TimeMax <= latest)
                break;
            latest = Math.Max(latest, TimeIn(source, stretch, fromOffset, isWanted));
        }
        return latest > BatchHeader.NoTimestamp ? LogSearch.FindByTimestamp(source, latest, fromOffset, limit, isWanted, decompressor) : null;
    }

    /// <summary>Of a batch that begins in front of where the log does, its header says too much.</summary>
    private static long TimeInFirst(IPartitionViewSource source, long fromOffset, long limit, BatchFilter isWanted, BatchDecompressor decompressor)
    {
        var latest = BatchHeader.NoTimestamp;
        using var cursor = new LogCursor(source, fromOffset);
        if (cursor.TryRead(limit, maxBytes: 1, out var batch) != LogRead.Batches)
            return latest;
        var header = BatchHeader.Read(batch.Span);
        if (header.BaseOffset >= fromOffset || header.IsControl || !isWanted(header))
            return latest;
        foreach (var record in decompressor.Open(header, batch.Span[..header.SizeInBytes]))
            if (record.Offset >= fromOffset)
                latest = Math.Max(latest, record.TimestampMs);
        return latest;
    }

    private static List<Stretch> StretchesOf(PartitionView view, long fromOffset, long limit)
    {
        var stretches = new List<Stretch>();
        foreach (var segment in view.Segments)
            if (segment.NextOffset > fromOffset && segment.BaseOffset < limit)
                stretches.Add(new Stretch(
                    Math.Max(fromOffset, segment.BaseOffset), Math.Min(limit, segment.NextOffset), segment.Description.MaxTimestamp, segment.Description.MaxTimestampOffset));
        for (var chunk = view.FirstChunk; chunk is not null && chunk.BaseOffset < limit; chunk = chunk.Next)
        {
            var begin = Math.Max(Math.Max(fromOffset, view.TailBegin), chunk.BaseOffset);
            var end = chunk.IsClosed && chunk.Next is { } next ? Math.Min(next.BaseOffset, limit) : limit;
            if (end > begin)
                // An open one may get a larger one at any moment.
                stretches.Add(new Stretch(begin, end, chunk.IsClosed ? chunk.MaxTimestamp : long.MaxValue, TimeMaxAt: -1));
        }
        return stretches;
    }

    private static long TimeIn(IPartitionViewSource source, in Stretch stretch, long fromOffset, BatchFilter isWanted)
    {
        if (stretch.TimeMaxAt >= stretch.Begin && stretch.TimeMaxAt < stretch.End)
        {
            using var first = new HeaderCursor(source, stretch.TimeMaxAt);
            if (first.TryNext(stretch.End, out var header) == LogRead.Batches && header.MaxTimestamp == stretch.TimeMax && Counts(header, fromOffset, isWanted))
                return stretch.TimeMax;
        }
        var latest = BatchHeader.NoTimestamp;
        using var cursor = new HeaderCursor(source, stretch.Begin);
        while (cursor.TryNext(stretch.End, out var header) == LogRead.Batches)
            if (header.MaxTimestamp > latest && Counts(header, fromOffset, isWanted))
                latest = header.MaxTimestamp;
        return latest;
    }

    private static bool Counts(in BatchHeader header, long fromOffset, BatchFilter isWanted) => header.BaseOffset >= fromOffset && !header.IsControl && isWanted(header);

    /// <summary>
    /// Offsets whose batches have no larger timestamp than <paramref name="TimeMax"/>, which the batch that ends at <paramref name="TimeMaxAt"/> had when that
    /// was written down.
    /// </summary>
    private readonly record struct Stretch(long Begin, long End, long TimeMax, long TimeMaxAt);
}
