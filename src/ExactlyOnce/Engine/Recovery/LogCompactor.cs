using ExactlyOnce.Engine.Log;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Recovery;

/// <summary>
/// Compacts the topics that want it, one partition after the other, without holding any lock while it reads and writes. In memory the result takes effect at
/// once, on disk with the next checkpoint. Run by housekeeping alone.
/// </summary>
internal sealed class LogCompactor(Checkpointer? checkpointer, ChunkPool chunks, Func<CompressionType, ICompressionCodec?> codecs, int indexIntervalBytes)
{
    private readonly Dictionary<PartitionKey, long> _compactedTo = [];

    /// <summary>True when something was rewritten, on disk as soon as the next checkpoint stands.</summary>
    public bool Compact(Partition partition, long nowMs)
    {
        var options = partition.Options;
        if ((options.Cleanup & CleanupPolicy.Compact) == 0)
            return false;
        var bound = partition.VisibleMark.LastStable;
        var youngestMs = options.MinCompactionLag == TimeSpan.Zero ? long.MaxValue : nowMs - (long)options.MinCompactionLag.TotalMilliseconds;
        var rules = new CompactionRules
        {
            NowMs = nowMs,
            DeleteRetentionMs = options.DeleteRetention == TopicOptions.Forever ? long.MaxValue / 2 : (long)options.DeleteRetention.TotalMilliseconds,
            FirstDirtyOffset = _compactedTo.GetValueOrDefault(partition.Key),
            Segments = SegmentRules.Of(options, indexIntervalBytes),
        };
        return checkpointer is null ? CompactTail(partition, bound, youngestMs, rules) : CompactSegments(partition, bound, youngestMs, rules);
    }

    private bool CompactSegments(Partition partition, long bound, long youngestMs, CompactionRules rules)
    {
        if (checkpointer!.HasCompaction(partition))
            return false;
        CompactionRange range;
        IReadOnlyDictionary<long, ProducerTrace> producers;
        using (partition.Lock.Enter())
        {
            range = CompactionRange.OfSegments(ViewWithAborted(partition), bound, youngestMs);
            producers = ProducersOf(partition);
        }
        // Nothing was sealed since the last time, and what waits for its delete horizon is looked at with the next segment.
        if (range.End <= rules.FirstDirtyOffset || Compaction.OfSegments(range, rules, producers, codecs) is not { } compacted)
            return false;
        // Noted only when there was nothing to gain: a result may still come to nothing, and then its range must be gone over again.
        if (compacted.IsChange)
            checkpointer.ApplyWithNext(partition, compacted);
        else
            _compactedTo[partition.Key] = compacted.CompactedTo;
        return compacted.IsChange;
    }

    private bool CompactTail(Partition partition, long bound, long youngestMs, CompactionRules rules)
    {
        // A topic that became a compacted one while there were objects in it: the bytes that name them must stay where they are.
        if (partition.Tail.References.IsUsed)
            return false;
        CompactionRange range;
        IReadOnlyDictionary<long, ProducerTrace> producers;
        using (partition.Lock.Enter())
        {
            range = CompactionRange.OfTail(ViewWithAborted(partition), partition.Tail, bound, youngestMs);
            producers = ProducersOf(partition);
        }
        if (range.End <= rules.FirstDirtyOffset || Compaction.OfTail(range, rules, producers, codecs, chunks) is not { } compacted)
            return false;
        if (!compacted.IsChange)
        {
            _compactedTo[partition.Key] = compacted.CompactedTo;
            return false;
        }
        using (partition.Lock.Enter())
        {
            if (!compacted.TryApplyTo(partition.Tail, new AbortedList(), out _))
                return false;
            partition.Publish([], partition.View.TailBegin, partition.View.LogStart, isRewrite: true);
        }
        _compactedTo[partition.Key] = compacted.CompactedTo;
        return true;
    }

    /// <summary>The view with the aborted transactions that no segment file has; readers ask the rules for them.</summary>
    private static PartitionView ViewWithAborted(Partition partition)
    {
        var view = partition.View;
        var entries = new List<AbortedEntry>();
        foreach (var aborted in partition.State.Aborted.Published.Entries)
            if (aborted.LastOffset >= view.TailBegin)
                entries.Add(new AbortedEntry(aborted.ProducerId, aborted.FirstOffset, aborted.LastOffset, aborted.LastStableOffset));
        return new PartitionView(
            view.Segments.ToArray(), view.FirstChunk, view.TailBegin, view.LogStart,
            new AbortedList(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(entries)), view.Rewrites);
    }

    private static Dictionary<long, ProducerTrace> ProducersOf(Partition partition)
    {
        var producers = new Dictionary<long, ProducerTrace>(partition.State.ProducerCount);
        foreach (var producer in partition.State.Producers)
            producers.Add(producer.ProducerId, new ProducerTrace(producer.LastOffset, producer.Epoch));
        return producers;
    }
}
