using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>What a topic call is answered; valid once <see cref="Lsn"/> is visible.</summary>
internal readonly record struct TopicReply(ErrorCode Error, long Lsn, TopicRecord.Put? Topic = null);

/// <summary>Creates, changes and deletes topics, and with them their partitions. Stateless; everything is under the coordination lock.</summary>
internal sealed class TopicCoordinator(CoordinationState state, FrameComposer composer, PartitionTable partitions, PartitionFactory factory)
{
    private readonly List<(PartitionKey Key, string Topic)> _deleted = [];
    private readonly CatalogCounts _counts = new(state.Topics);

    public TopicReply Create(string name, TopicOptions options, bool isInternal, Guid id, long nowMs)
    {
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var error = state.Topics.DecideCreate(name, options, isInternal, id, nowMs, out var record);
            return error == ErrorCode.None ? Put(record!, nowMs) : new TopicReply(error, state.AppliedLsn, state.Topics.Find(name));
        }
    }

    public TopicReply Alter(string name, TopicOptions options, long nowMs)
    {
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var error = state.Topics.DecideAlter(name, options, out var record);
            return error == ErrorCode.None ? Put(record!, nowMs) : new TopicReply(error, state.AppliedLsn);
        }
    }

    public TopicReply AddPartitions(string name, int count, long nowMs)
    {
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var error = state.Topics.DecideAddPartitions(name, count, out var record);
            return error == ErrorCode.None ? Put(record!, nowMs) : new TopicReply(error, state.AppliedLsn);
        }
    }

    /// <summary>Deletes a topic; what it still has on disk goes after the next checkpoint has forgotten it.</summary>
    public TopicReply Delete(string name, long nowMs)
    {
        lock (state.Lock)
        {
            using var guard = composer.Guard();
            var topic = state.Topics.Find(name);
            var error = state.Topics.DecideDelete(name, out var record);
            if (error != ErrorCode.None)
                return new TopicReply(error, state.AppliedLsn);
            composer.Open(nowMs);
            composer.Add(record!);
            foreach (var forgotten in state.Groups.DecideTopicDeletion(record!.Number, _counts, nowMs).Records)
                composer.Add(forgotten);
            var lsn = composer.Close();
            for (var index = 0; index < topic!.Partitions; index++)
                Retire(new PartitionKey(topic.Number, index));
            return new TopicReply(ErrorCode.None, lsn, topic);
        }
    }

    /// <summary>Partitions deleted since the last call, whose files may be removed once a checkpoint without them stands.</summary>
    public IReadOnlyList<(PartitionKey Key, string Topic)> TakeDeleted()
    {
        lock (state.Lock)
        {
            var taken = _deleted.ToArray();
            _deleted.Clear();
            return taken;
        }
    }

    private TopicReply Put(TopicRecord.Put record, long nowMs)
    {
        composer.Open(nowMs);
        composer.Add(record);
        var lsn = composer.Close();
        // From the last one: whoever learns from an old partition's options that there are new ones must find them.
        for (var index = record.Partitions - 1; index >= 0; index--)
        {
            if (partitions.Find(new PartitionKey(record.Number, index)) is { } existing)
            {
                existing.Configure(record.Options);
                existing.Readers.WakeNow();
            }
            else
                partitions.Add(factory.CreateEmpty(
                    new PartitionKey(record.Number, index), new TopicPartition(record.Name, index), record.Id, record.Options, lsn));
        }
        return new TopicReply(ErrorCode.None, lsn, record);
    }

    private void Retire(PartitionKey key)
    {
        if (partitions.Find(key) is not { } partition)
            return;
        using (partition.Lock.Enter())
            partition.Retire();
        partitions.Remove(partition);
        partition.Readers.WakeNow();
        _deleted.Add((key, partition.Name.Topic));
    }
}
