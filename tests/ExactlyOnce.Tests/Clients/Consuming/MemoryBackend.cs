using System.IO.Pipelines;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace ExactlyOnce.Tests.Clients.Consuming;

/// <summary>
/// A broker without an engine: lists and dictionaries under one lock, enough of the port for consumers, transactions and pipelines, and hooks to make it fail.
/// </summary>
internal sealed class MemoryBackend : BrokerBackend
{
    private readonly Dictionary<string, List<MemoryPartition>> _topics = [];
    private readonly Dictionary<string, MemoryGroup> _groups = [];
    private readonly Dictionary<string, ProducerSession> _transactional = [];
    private int _number;

    public object Gate { get; } = new();

    public FakeTimeProvider Clock { get; } = new(DateTimeOffset.FromUnixTimeMilliseconds(Records.FirstTimestampMs));

    public LogCollector Log { get; } = new();

    /// <summary>Called before a transaction ends; what it answers is thrown instead.</summary>
    public Func<ProducerSession, bool, Exception?>? OnEndTransaction { get; set; }

    /// <summary>How many transactions ended, by how.</summary>
    public int Commits { get; private set; }

    public int Aborts { get; private set; }

    /// <summary>How often a producer took an identity.</summary>
    public int Inits { get; private set; }

    public override TimeProvider Time => Clock;

    public override ILoggerFactory LoggerFactory => Log;

    public override PipeScheduler Completions => PipeScheduler.ThreadPool;

    public Broker ToBroker() => new(this, new BrokerOptions());

    public int NextNumber() => Interlocked.Increment(ref _number);

    public void AddTopic(string topic, int partitions)
    {
        lock (Gate)
        {
            if (!_topics.TryGetValue(topic, out var list))
                _topics.Add(topic, list = []);
            foreach (var existing in list)
                existing.TopicOptions.Partitions = Math.Max(partitions, list.Count);
            while (list.Count < partitions)
                list.Add(new MemoryPartition(this, new TopicPartition(topic, list.Count), new TopicOptions { Partitions = partitions }));
            foreach (var group in _groups.Values)
                group.SignalAll();
        }
    }

    public MemoryPartition Partition(string topic, int index = 0)
    {
        lock (Gate)
            return _topics[topic][index];
    }

    public IReadOnlyList<TopicPartition> PartitionsOf(string topic)
    {
        lock (Gate)
            return _topics.TryGetValue(topic, out var list) ? [.. list.Select(partition => partition.Id)] : [];
    }

    public MemoryGroup Group(string name)
    {
        lock (Gate)
        {
            if (!_groups.TryGetValue(name, out var group))
                _groups.Add(name, group = new MemoryGroup(this, name));
            return group;
        }
    }

    public override ICompressionCodec GetCodec(CompressionType type) => new global::ExactlyOnce.Serialization.GzipCodec();

    public override TopicDescription? TryGetTopic(string topic)
    {
        lock (Gate)
            return _topics.TryGetValue(topic, out var list) ? new TopicDescription(topic, Guid.Empty, list.Count, new TopicOptions(), false) : null;
    }

    public override IReadOnlyList<TopicDescription> ListTopics() => throw new NotSupportedException();

    public override ValueTask<TopicDescription> CreateTopicAsync(string topic, TopicOptions options, CancellationToken cancellationToken)
    {
        AddTopic(topic, options.Partitions);
        return new ValueTask<TopicDescription>(TryGetTopic(topic)!);
    }

    public override ValueTask AlterTopicAsync(string topic, TopicOptions options, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask AddPartitionsAsync(string topic, int partitions, CancellationToken cancellationToken)
    {
        AddTopic(topic, partitions);
        return default;
    }

    public override ValueTask DeleteTopicAsync(string topic, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask<long> DeleteRecordsAsync(TopicPartition partition, long beforeOffset, CancellationToken cancellationToken)
    {
        lock (Gate)
            return new ValueTask<long>(Partition(partition.Topic, partition.Partition).LogStart = beforeOffset);
    }

    public override BackendPartition GetPartition(TopicPartition partition)
    {
        lock (Gate)
        {
            if (!_topics.TryGetValue(partition.Topic, out var list) || partition.Partition >= list.Count)
                throw new UnknownTopicException($"There is no {partition}.");
            return list[partition.Partition];
        }
    }

    public override ValueTask<ProducerSession> InitProducerAsync(ProducerRequest request, CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            Inits++;
            var session = new ProducerSession
            {
                Identity = new ProducerIdentity(NextNumber(), 0), TransactionalId = request.TransactionalId, Name = request.Name,
            };
            if (request.TransactionalId is { } id)
            {
                if (_transactional.TryGetValue(id, out var former))
                    Fence(former);
                _transactional[id] = session;
            }
            return new ValueTask<ProducerSession>(session);
        }
    }

    /// <summary>Does to a producer what a newer one with its transactional id does.</summary>
    public void Fence(string transactionalId)
    {
        lock (Gate)
            Fence(_transactional[transactionalId]);
    }

    public override AppendStatus AppendNamed(ProducerSession session, IReadOnlyList<AppendOperation> operations, long lastSourceSequence) =>
        throw new NotSupportedException();

    public override ValueTask EndTransactionAsync(ProducerSession session, bool commit, IReadOnlyList<TransactionOffsets> offsets)
    {
        lock (Gate)
        {
            if (session.Fenced is { } fenced)
                throw fenced;
            if (OnEndTransaction?.Invoke(session, commit) is { } failure)
                throw failure;
            foreach (var group in offsets)
                ((MemoryMember?)group.Member)?.CheckOwned(group.Offsets.Keys);
            End(session, commit);
            foreach (var group in offsets)
                foreach (var (partition, offset) in group.Offsets)
                    Group(group.Group).Committed[partition] = offset;
            _ = commit ? Commits++ : Aborts++;
            return default;
        }
    }

    public override ValueTask<string> PrepareTransactionAsync(ProducerSession session, IReadOnlyList<TransactionOffsets> offsets) => throw new NotSupportedException();

    public override ValueTask ResolvePreparedAsync(string token, bool commit, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask<IReadOnlyList<PreparedTransaction>> ListPreparedAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask<TransactionOutcome> GetOutcomeAsync(string transactionalId, long producerId, short epoch, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public override ValueTask<GroupSession> JoinGroupAsync(GroupJoinRequest request, CancellationToken cancellationToken)
    {
        lock (Gate)
            return new ValueTask<GroupSession>(Group(request.Group).Join(request));
    }

    public override ValueTask<IReadOnlyDictionary<TopicPartition, CommittedOffset>> FetchOffsetsAsync(
        string group, IReadOnlyCollection<TopicPartition> partitions, CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            var committed = Group(group).Committed;
            return new ValueTask<IReadOnlyDictionary<TopicPartition, CommittedOffset>>(
                partitions.Where(committed.ContainsKey).ToDictionary(partition => partition, partition => committed[partition]));
        }
    }

    public override ValueTask CommitOffsetsAsync(
        string group, IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets, CancellationToken cancellationToken)
    {
        lock (Gate)
            foreach (var (partition, offset) in offsets)
                Group(group).Committed[partition] = offset;
        return default;
    }

    public override ValueTask DeleteGroupAsync(string group, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override IReadOnlyList<string> ListGroups() => throw new NotSupportedException();

    public override ValueTask DisposeAsync() => default;

    private void Fence(ProducerSession session)
    {
        session.Fenced = new ProducerFencedException($"'{session.TransactionalId}' was taken over.");
        End(session, commit: false);
    }

    private void End(ProducerSession session, bool commit)
    {
        foreach (var partition in _topics.Values.SelectMany(list => list))
            partition.End(session, commit);
        session.Identity = session.Identity with { Epoch = (short)(session.Identity.Epoch + 1) };
    }
}
