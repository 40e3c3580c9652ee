using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// Rewrites the front of a compacted topic's partition so that it holds the last value of every key (A15). Two passes over the same range: the first finds
/// the last offset of each key, the second writes what stays. Files and memory go through the same passes; only where the batches go differs.
/// Runs without any lock; the caller makes the result take effect, through the checkpoint for files, under the partition's lock for memory.
/// <para>
/// The rewritten range has no transaction index: all its aborted data is gone, and an entry stands in the segment of its marker, behind its data. Aborted data
/// whose marker lies behind the range is dropped as well; its entry stays there and does no harm.
/// </para>
/// <para>Exceptions: damage and disk failures come out as they are; the files begun are removed. Null when the range was deleted while it was read.</para>
/// </summary>
internal sealed class Compaction
{
    /// <summary>The most bytes the records of one batch may expand to.</summary>
    internal const int ExpandedBytesMax = 256 * 1024 * 1024;

    private const int ReadBytes = 1024 * 1024;

    private readonly CompactionRange _range;
    private readonly CompactionRules _rules;
    private readonly CompactionKeys _keys;
    private readonly CompactionFilter _filter;

    private Compaction(
        CompactionRange range,
        CompactionRules rules,
        IReadOnlyDictionary<long, ProducerTrace> producers,
        Func<CompressionType, ICompressionCodec?> codecs)
    {
        _range = range;
        _rules = rules;
        var entries = new List<AbortedEntry>();
        range.View.CollectAborted(range.From, range.End, entries);
        var aborted = new AbortedLookup(entries);
        _keys = new CompactionKeys(rules, range.End, aborted, codecs);
        _filter = new CompactionFilter(rules, _keys, aborted, producers, codecs);
    }

    private delegate void BatchAction(in BatchHeader header, ReadOnlyMemory<byte> batch);

    /// <summary>Rewrites sealed segments into new files, synced.</summary>
    public static CompactedSegments? OfSegments(
        CompactionRange range,
        CompactionRules rules,
        IReadOnlyDictionary<long, ProducerTrace> producers,
        Func<CompressionType, ICompressionCodec?> codecs)
    {
        if (range.IsEmpty || range.Segments.Count == 0)
            return null;
        var compaction = new Compaction(range, rules, producers, codecs);
        if (!compaction.ReadKeys())
            return null;
        using var sink = new SegmentSink(range.Segments, rules.Segments);
        if (!compaction.Rewrite(sink.Append))
            return null;
        var segments = sink.Finish();
        var isWorthwhile = compaction._filter.HasChanged || segments.Count < range.Segments.Count;
        return new CompactedSegments(range.Segments, isWorthwhile ? sink.Keep() : null, compaction._keys.End);
    }

    /// <summary>Rewrites closed chunks of a log in memory into new ones.</summary>
    public static CompactedTail? OfTail(
        CompactionRange range,
        CompactionRules rules,
        IReadOnlyDictionary<long, ProducerTrace> producers,
        Func<CompressionType, ICompressionCodec?> codecs,
        ChunkPool pool)
    {
        if (range.IsEmpty || range.FirstChunk is not { } first)
            return null;
        var compaction = new Compaction(range, rules, producers, codecs);
        if (!compaction.ReadKeys())
            return null;
        // The first batch may begin in front of the log's start.
        var rewritten = new LogTail(pool, Math.Min(range.From, first.BaseOffset));
        var isUsed = false;
        try
        {
            var lastAppendMs = LastAppendIn(first, range.End);
            if (!compaction.Rewrite((in header, batch) => rewritten.Append(batch.Span, header.BaseOffset, header.LeaderEpoch, header, lastAppendMs)))
                return null;
            isUsed = compaction._filter.HasChanged;
            return new CompactedTail(first, range.End, isUsed ? rewritten : null, compaction._keys.End);
        }
        finally
        {
            if (!isUsed)
                rewritten.TrimTo(rewritten.NextOffset);
        }
    }

    // From the dirty part on, but never less than the last batch of the range, which the second pass must know.
    private bool ReadKeys()
    {
        var lastStart = _range.Segments.Count > 0 ? _range.Segments[^1].BaseOffset : _range.View.FindChunk(_range.End - 1)!.BaseOffset;
        return ForEachBatch(Math.Max(_range.From, Math.Min(_rules.FirstDirtyOffset, lastStart)), _keys.Add);
    }

    private bool Rewrite(BatchAction append) => ForEachBatch(_range.From, (in header, batch) =>
    {
        var rewritten = _filter.Filter(header, batch);
        if (!rewritten.IsEmpty)
            append(BatchHeader.Read(rewritten.Span), rewritten);
    });

    private bool ForEachBatch(long from, BatchAction action)
    {
        using var cursor = new LogCursor(_range.View, from);
        while (true)
        {
            var read = cursor.TryRead(_range.End, ReadBytes, out var batches);
            if (read != LogRead.Batches)
                return read == LogRead.EndOfLimit;
            for (var rest = batches; !rest.IsEmpty;)
            {
                var header = BatchHeader.Read(rest.Span);
                action(header, rest[..header.SizeInBytes]);
                rest = rest[header.SizeInBytes..];
            }
        }
    }

    private static long LastAppendIn(LogChunk first, long end)
    {
        var last = BatchHeader.NoTimestamp;
        for (var chunk = first; chunk is not null && chunk.BaseOffset < end; chunk = chunk.Next)
            last = Math.Max(last, chunk.LastAppendMs);
        return last;
    }
}
