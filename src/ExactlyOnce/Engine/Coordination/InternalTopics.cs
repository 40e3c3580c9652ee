using System.Buffers;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Kernel.Transactions;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>
/// <c>__transaction_state</c> and <c>__consumer_offsets</c> in Kafka's formats, for tools that read them. They are a projection: the journal and the checkpoint
/// are the truth, and compacted topics promise only the last value of each key, so it is enough to append now and then what has changed. Run by housekeeping
/// alone and once before a clean close; after an opening the first run projects everything again.
/// </summary>
internal sealed class InternalTopics(CoordinationState state, PartitionTable partitions, TopicCoordinator topics)
{
    private const int BatchBytesMax = 512 << 10;

    private readonly Dictionary<string, EntryRecord> _transactions = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Group, PartitionKey Partition), long> _offsets = [];
    private readonly BatchWriter _batch = new();
    private readonly ArrayBufferWriter<byte> _key = new();
    private readonly ArrayBufferWriter<byte> _value = new();

    /// <summary>Appends what has changed since the last run. <paramref name="nextGuid"/> names the topics when they are created.</summary>
    public void Project(Func<Guid> nextGuid, long nowMs)
    {
        var changes = new List<(string Topic, byte[] Key, byte[]? Value)>();
        lock (state.Lock)
        {
            CollectTransactions(changes);
            CollectOffsets(changes);
        }
        foreach (var topic in changes.GroupBy(change => change.Topic))
            Append(PartitionOf(topic.Key, nextGuid, nowMs), topic, nowMs);
    }

    /// <summary>Makes a topic before there is anything to tell. For any thread, unlike the rest.</summary>
    public void Ensure(string topic, Func<Guid> nextGuid, long nowMs) => PartitionOf(topic, nextGuid, nowMs);

    private void CollectTransactions(List<(string, byte[], byte[]?)> changes)
    {
        foreach (var (id, entry) in state.Transactions.Entries)
        {
            if (_transactions.TryGetValue(id, out var known) && ReferenceEquals(known, entry.Current))
                continue;
            _transactions[id] = entry.Current;
            changes.Add((InternalTopicNames.TransactionState, Bytes(TransactionLogFormat.WriteKey, id), Bytes(
                (projected, destination) => TransactionLogFormat.WriteValue(projected, Locate, destination), entry)));
        }
        foreach (var gone in _transactions.Keys.Where(id => !state.Transactions.Entries.ContainsKey(id)).ToList())
        {
            _transactions.Remove(gone);
            changes.Add((InternalTopicNames.TransactionState, Bytes(TransactionLogFormat.WriteKey, gone), null));
        }
    }

    private void CollectOffsets(List<(string, byte[], byte[]?)> changes)
    {
        var live = new HashSet<(string, PartitionKey)>();
        foreach (var (group, offsets) in state.Groups.Offsets.Groups)
            foreach (var (partition, stored) in offsets.Committed)
            {
                live.Add((group, partition));
                if (_offsets.GetValueOrDefault((group, partition), -1) == stored.WriteOrder)
                    continue;
                _offsets[(group, partition)] = stored.WriteOrder;
                changes.Add((InternalTopicNames.ConsumerOffsets, OffsetKey(group, partition), Bytes(
                    (committed, destination) => GroupLogFormat.WriteOffsetValue(
                        new OffsetValue(partition, committed.Offset, committed.LeaderEpoch, committed.Metadata), committed.CommitMs, destination), stored)));
            }
        foreach (var gone in _offsets.Keys.Where(key => !live.Contains(key)).ToList())
        {
            _offsets.Remove(gone);
            changes.Add((InternalTopicNames.ConsumerOffsets, OffsetKey(gone.Group, gone.Partition), null));
        }
    }

    private void Append(Partition partition, IEnumerable<(string Topic, byte[] Key, byte[]? Value)> changes, long nowMs)
    {
        foreach (var (_, key, value) in changes)
        {
            if (_batch.TryAppend(nowMs, key, true, value, value is not null, null, BatchBytesMax))
                continue;
            Flush(partition, nowMs);
            if (!_batch.TryAppend(nowMs, key, true, value, value is not null, null, int.MaxValue))
                throw new InvalidOperationException("An empty batch takes any record.");
        }
        Flush(partition, nowMs);
    }

    private void Flush(Partition partition, long nowMs)
    {
        if (_batch.IsEmpty)
            return;
        var header = _batch.Seal(ProducerIdentity.None, Sequence.None, BatchAttributes.None, codec: null);
        partition.Append(header, _batch.Bytes.Span, AppendOrigin.Coordinator, nowMs);
        _batch.Reset();
    }

    private Partition PartitionOf(string topic, Func<Guid> nextGuid, long nowMs)
    {
        var name = new TopicPartition(topic, 0);
        if (partitions.Find(name) is { } existing)
            return existing;
        topics.Create(topic, new TopicOptions { Cleanup = CleanupPolicy.Compact, SegmentBytes = 16 << 20, MaxMessageBytes = 16 << 20 }, isInternal: true, nextGuid(), nowMs);
        return partitions.Find(name)!;
    }

    private byte[] OffsetKey(string group, PartitionKey partition)
    {
        var (topic, index) = Locate(partition);
        _key.ResetWrittenCount();
        GroupLogFormat.WriteOffsetKey(group, topic, index, _key);
        return _key.WrittenSpan.ToArray();
    }

    private (string Topic, int Index) Locate(PartitionKey partition) =>
        (state.Topics.Find(partition.Topic)?.Name ?? $"deleted-topic-{partition.Topic}", partition.Index);

    private byte[] Bytes<T>(Action<T, IBufferWriter<byte>> write, T subject)
    {
        _value.ResetWrittenCount();
        write(subject, _value);
        return _value.WrittenSpan.ToArray();
    }
}
