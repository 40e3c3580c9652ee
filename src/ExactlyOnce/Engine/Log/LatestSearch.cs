using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>Finds the record with the largest timestamp: by the batches' headers, then in the batch that has it. Reads the whole log; nobody does this often.</summary>
internal static class LatestSearch
{
    private const int ReadBytes = 64 * 1024;

    /// <summary>The first record with the largest timestamp at or behind <paramref name="fromOffset"/> and below <paramref name="limit"/>; null when no record there has any.</summary>
    public static FoundRecord? Find(IPartitionViewSource source, long fromOffset, long limit, BatchFilter isWanted, BatchDecompressor decompressor)
    {
        var latest = LatestTime(source, fromOffset, limit, isWanted);
        return latest > BatchHeader.NoTimestamp ? LogSearch.FindByTimestamp(source, latest, fromOffset, limit, isWanted, decompressor) : null;
    }

    private static long LatestTime(IPartitionViewSource source, long fromOffset, long limit, BatchFilter isWanted)
    {
        var latest = BatchHeader.NoTimestamp;
        using var cursor = new LogCursor(source, fromOffset);
        while (cursor.TryRead(limit, ReadBytes, out var batches) == LogRead.Batches)
        {
            foreach (var header in new BatchSequence(batches.Span))
                if (header.MaxTimestamp > latest && !header.IsControl && isWanted(header))
                    latest = header.MaxTimestamp;
        }
        return latest;
    }
}
