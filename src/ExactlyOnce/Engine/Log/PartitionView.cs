namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Where a partition's bytes are, at one moment. Immutable; the partition publishes a new one when a checkpoint moves bytes from the tail to files, when
/// retention or compaction replaces segments, or when the log start moves. Two views of one moment have equal content.
/// </summary>
/// <param name="LogStartOffset">The first offset to be read.</param>
/// <param name="Segments">The segment files, by base offset.</param>
/// <param name="Tail">The first chunk of the tail; it may begin in front of <paramref name="TailOffset"/>.</param>
/// <param name="TailOffset">From here on the tail is read; in front of it the files.</param>
internal sealed record PartitionView(long LogStartOffset, LogSegment[] Segments, LogChunk Tail, long TailOffset)
{
    /// <summary>The segment that holds an offset, or the first one behind it; null when it is in the tail.</summary>
    public LogSegment? FindSegment(long offset)
    {
        if (offset >= TailOffset)
            return null;
        var (low, high) = (0, Segments.Length);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (Segments[middle].NextOffset <= offset)
                low = middle + 1;
            else
                high = middle;
        }
        return low < Segments.Length ? Segments[low] : null;
    }

    /// <summary>The chunk that holds an offset of the tail.</summary>
    public LogChunk FindChunk(long offset)
    {
        var chunk = Tail;
        while (chunk.Next is { } next && next.BaseOffset <= offset)
            chunk = next;
        return chunk;
    }
}
