using System.IO.Pipelines;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kernel.Primitives;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace ExactlyOnce.Tests.Clients.Producing;

/// <summary>
/// A broker that does what it is told: keeps appends in memory, checks sequences as a real one, holds its answers back or refuses when a test says so. Only
/// what producers use.
/// </summary>
internal sealed class FakeBackend : BrokerBackend
{
    private readonly Dictionary<string, TopicDescription> _topics = [];
    private readonly Dictionary<TopicPartition, FakePartition> _partitions = [];
    private readonly List<(AppendOperation Operation, AppendOutcome Outcome)> _held = [];
    private readonly Queue<BrokerException> _refusals = new();
    private long _nextProducerId = 1000;

    public FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    /// <summary>Appends are answered Pending and completed by <see cref="Release"/>.</summary>
    public bool HoldsAnswers { get; set; }

    /// <summary>Held answers become this failure.</summary>
    public BrokerException? PendingFailure { get; set; }

    /// <summary>Sequences are checked, as a broker does.</summary>
    public bool ChecksSequences { get; set; } = true;

    public Dictionary<string, long> MessageIds { get; } = [];

    public Dictionary<string, long> SourceSequences { get; } = [];

    public List<string> Ends { get; } = [];

    public List<IReadOnlyList<TransactionOffsets>> EndedOffsets { get; } = [];

    public Queue<BrokerException> EndFailures { get; } = new();

    public List<ProducerSession> Sessions { get; } = [];

    public List<int> NamedAppendSizes { get; } = [];

    /// <summary>After each atomic append: how many records are stored, and the sequence that it says they reach to.</summary>
    public List<(int Stored, long LastSourceSequence)> NamedAppends { get; } = [];

    public int HeldCount => _held.Count;

    public int InitFailures { get; set; }

    public bool IsDisposed { get; private set; }

    public override TimeProvider Time => Clock;

    public override ILoggerFactory LoggerFactory => NullLoggerFactory.Instance;

    public override PipeScheduler Completions => PipeScheduler.Inline;

    public FakePartition this[string topic, int partition = 0] => _partitions[new TopicPartition(topic, partition)];

    public void AddTopic(string topic, Action<TopicOptions>? configure = null)
    {
        var options = new TopicOptions();
        configure?.Invoke(options);
        SetTopic(topic, options);
    }

    /// <summary>The next append, or group of appends, is refused with this.</summary>
    public void RefuseNext(BrokerException exception) => _refusals.Enqueue(exception);

    public void Release()
    {
        var held = _held.ToArray();
        _held.Clear();
        foreach (var (operation, outcome) in held)
        {
            operation.Outcome = PendingFailure is null ? outcome : new AppendOutcome { Error = PendingFailure.Code, Exception = PendingFailure };
            operation.OnCompleted();
        }
    }

    public AppendStatus Answer(AppendOperation operation, AppendOutcome outcome)
    {
        if (HoldsAnswers && outcome.Error == ErrorCode.None)
        {
            _held.Add((operation, outcome));
            return AppendStatus.Pending;
        }
        operation.Outcome = outcome;
        return AppendStatus.Completed;
    }

    public AppendOutcome? TakeRefusal() =>
        _refusals.TryDequeue(out var exception) ? new AppendOutcome { Error = exception.Code, Exception = exception } : null;

    public override AppendStatus AppendNamed(ProducerSession session, IReadOnlyList<AppendOperation> operations, long lastSourceSequence)
    {
        lock (this)
        {
            NamedAppendSizes.Add(operations.Count);
            if (TakeRefusal() is { } refusal)
            {
                foreach (var operation in operations)
                    operation.Outcome = refusal;
                return AppendStatus.Completed;
            }
            SourceSequences[session.Name!] = lastSourceSequence;
            var status = AppendStatus.Completed;
            foreach (var operation in operations)
                status = Answer(operation, ((FakePartition)operation.Partition!).Store(operation));
            NamedAppends.Add((_partitions.Values.Sum(partition => partition.Records.Count), lastSourceSequence));
            return status;
        }
    }

    public override ValueTask<ProducerSession> InitProducerAsync(ProducerRequest request, CancellationToken cancellationToken)
    {
        if (InitFailures-- > 0)
            throw new TransientException(ErrorCode.CoordinatorLoadInProgress, "Still loading.");
        foreach (var older in Sessions)
            if ((request.Name is not null && older.Name == request.Name) || (request.TransactionalId is not null && older.TransactionalId == request.TransactionalId))
                older.Fenced = new ProducerFencedException("A newer producer took over.");
        var session = new ProducerSession
        {
            Identity = new ProducerIdentity(_nextProducerId++, 0),
            Name = request.Name,
            TransactionalId = request.TransactionalId,
            LastSourceSequence = request.Name is not null && SourceSequences.TryGetValue(request.Name, out var last) ? last : -1,
        };
        Sessions.Add(session);
        return new(session);
    }

    public override ValueTask EndTransactionAsync(ProducerSession session, bool commit, IReadOnlyList<TransactionOffsets> offsets)
    {
        if (EndFailures.TryDequeue(out var failure))
            throw failure;
        Ends.Add(commit ? "commit" : "abort");
        EndedOffsets.Add(offsets);
        session.Identity = session.Identity with { Epoch = (short)(session.Identity.Epoch + 1) };
        return default;
    }

    public override ValueTask<string> PrepareTransactionAsync(ProducerSession session, IReadOnlyList<TransactionOffsets> offsets)
    {
        Ends.Add("prepare");
        return new("token-1");
    }

    public override ValueTask ResolvePreparedAsync(string token, bool commit, CancellationToken cancellationToken)
    {
        Ends.Add($"{(commit ? "commit" : "abort")} {token}");
        return default;
    }

    public override TopicDescription? TryGetTopic(string topic) => _topics.GetValueOrDefault(topic);

    public override IReadOnlyList<TopicDescription> ListTopics() => [.. _topics.Values];

    public override ValueTask<TopicDescription> CreateTopicAsync(string topic, TopicOptions options, CancellationToken cancellationToken)
    {
        if (_topics.ContainsKey(topic))
            throw new InvalidRequestException(ErrorCode.TopicAlreadyExists, $"A topic '{topic}' exists.");
        SetTopic(topic, options);
        return new(_topics[topic]);
    }

    public override ValueTask AlterTopicAsync(string topic, TopicOptions options, CancellationToken cancellationToken)
    {
        SetTopic(topic, options);
        return default;
    }

    public override ValueTask AddPartitionsAsync(string topic, int partitions, CancellationToken cancellationToken)
    {
        var options = _topics[topic].Options;
        options.Partitions = partitions;
        SetTopic(topic, options);
        return default;
    }

    public override ValueTask DeleteTopicAsync(string topic, CancellationToken cancellationToken)
    {
        _topics.Remove(topic);
        return default;
    }

    public override BackendPartition GetPartition(TopicPartition partition) =>
        _partitions.TryGetValue(partition, out var found) ? found : throw new UnknownTopicException($"No {partition}.");

    public override ICompressionCodec GetCodec(CompressionType type) => throw new NotSupportedException();

    public override ValueTask<long> DeleteRecordsAsync(TopicPartition partition, long beforeOffset, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask<IReadOnlyList<PreparedTransaction>> ListPreparedAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask<TransactionOutcome> GetOutcomeAsync(string transactionalId, long producerId, short epoch, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask<GroupSession> JoinGroupAsync(GroupJoinRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask<IReadOnlyDictionary<TopicPartition, CommittedOffset>> FetchOffsetsAsync(
        string group, IReadOnlyCollection<TopicPartition> partitions, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask CommitOffsetsAsync(
        string group, IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override ValueTask DeleteGroupAsync(string group, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override IReadOnlyList<string> ListGroups() => [];

    public override ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return default;
    }

    private void SetTopic(string topic, TopicOptions options)
    {
        _topics[topic] = new TopicDescription(topic, Guid.Empty, options.Partitions, options, IsInternal: false);
        for (var i = 0; i < options.Partitions; i++)
        {
            var id = new TopicPartition(topic, i);
            if (_partitions.TryGetValue(id, out var known))
                known.Options = options;
            else
                _partitions.Add(id, new FakePartition(this, id) { Options = options });
        }
    }
}
