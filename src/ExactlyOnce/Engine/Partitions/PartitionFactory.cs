using System.IO.Pipelines;
using ExactlyOnce.Engine.Journal;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Partitions;

/// <summary>Makes partitions, with everything that all of a broker's partitions share.</summary>
internal sealed class PartitionFactory(ChunkPool chunks, long producerExpiryMs, PipeScheduler? background)
{
    private JournalWriter? _journal;

    /// <summary>Bumped at every opening after which something that was visible may be missing.</summary>
    public int LeaderEpoch { get; set; }

    /// <summary>From now on partitions are attached to the journal as they are made.</summary>
    public void Attach(JournalWriter journal) => _journal = journal;

    public Partition CreateEmpty(PartitionKey key, TopicPartition name, Guid topicId, TopicOptions options, long lsn)
    {
        return Create(key, name, topicId, options, new PartitionSeed(new PartitionState(Rules(options)), new LogTail(chunks, 0), [], 0, LeaderEpoch, lsn));
    }

    /// <summary>A partition as a checkpoint left it: its segments, and a tail that continues behind them.</summary>
    public Partition Restore(
        PartitionKey key, TopicPartition name, Guid topicId, TopicOptions options, ReadOnlySpan<byte> snapshot, LogSegment[] segments, long tailOffset, long appliedLsn)
    {
        var state = PartitionState.ReadSnapshot(snapshot, Rules(options));
        return Create(key, name, topicId, options, new PartitionSeed(state, new LogTail(chunks, tailOffset), segments, tailOffset, LeaderEpoch, appliedLsn));
    }

    private Partition Create(PartitionKey key, TopicPartition name, Guid topicId, TopicOptions options, PartitionSeed seed)
    {
        var partition = new Partition(key, name, topicId, options, seed) { Background = background };
        if (_journal is { } journal)
            partition.Attach(journal);
        return partition;
    }

    private PartitionRules Rules(TopicOptions options) => new(options.DuplicateWindowBatches, producerExpiryMs);
}
