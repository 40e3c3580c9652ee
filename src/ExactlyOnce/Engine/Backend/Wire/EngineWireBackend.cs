using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Backend.Wire;

/// <summary>
/// The engine behind a Kafka endpoint: verdicts go out as Kafka's numbers. Decisions are taken on the caller's thread, answers wait for the LSN they relied on; joins and syncs also
/// for their group. Many endpoints may share a broker; the last one's settings hold.
/// </summary>
/// <remarks>Cut along the port: topics here, then Transactions, Classic, Consumers, Offsets.</remarks>
internal sealed partial class EngineWireBackend : WireBackend
{
    private readonly BrokerEngine _engine;
    private readonly WireSettings _settings;

    public EngineWireBackend(BrokerEngine engine, WireSettings settings)
    {
        _engine = engine;
        _settings = settings;
        ClusterId = engine.Identity.Read();
        lock (engine.State.Lock)
            engine.State.Groups.Settings = Merge(engine.State.Groups.Settings, settings);
    }

    public override string ClusterId { get; }

    public override TopicDescription? FindTopic(string topic) => Describe(_engine.State.Topics.Find(topic));

    public override TopicDescription? FindTopic(Guid topicId) => Describe(_engine.State.Topics.Find(topicId));

    public override IReadOnlyList<TopicDescription> ListTopics() =>
        [.. _engine.State.Topics.Topics.OrderBy(topic => topic.Name, StringComparer.Ordinal).Select(topic => Describe(topic)!)];

    public override BackendPartition? FindPartition(TopicPartition partition) =>
        _engine.Partitions.Find(partition) is { } found ? new EnginePartition(_engine, found) : null;

    public override ValueTask<TopicAnswer> CreateTopicAsync(string topic, TopicOptions options)
    {
        ThrowIfUnable();
        if (!Topic.IsValidName(topic) || InternalTopicNames.Contains(topic))
            return Immediately(new TopicAnswer(ErrorCode.InvalidTopic, null, $"'{topic}' cannot be the name of a topic."));
        if (options.Partitions is < 1 or > TopicCatalog.PartitionsMax)
            return Immediately(new TopicAnswer(ErrorCode.InvalidPartitions, null, TopicCatalog.DescribeInvalid(options)));
        return AnswerAsync(_engine.Topics.Create(topic, options, isInternal: false, _engine.Environment.NextGuid(), _engine.NowMs), topic, options);
    }

    public override ValueTask<TopicAnswer> AlterTopicAsync(string topic, TopicOptions options)
    {
        ThrowIfUnable();
        return IsInternal(topic, out var refusal) ? refusal : AnswerAsync(_engine.Topics.Alter(topic, options, _engine.NowMs), topic, options);
    }

    public override ValueTask<TopicAnswer> AddPartitionsAsync(string topic, int partitions)
    {
        ThrowIfUnable();
        if (IsInternal(topic, out var refusal))
            return refusal;
        var reply = _engine.Topics.AddPartitions(topic, partitions, _engine.NowMs);
        if (reply is { Error: ErrorCode.None, Topic: { } grown })
        {
            _engine.Groups.TopicChanged(grown.Number, _engine.NowMs);
            _engine.GroupSessions.NotifyAll();
        }
        return AnswerAsync(reply, topic, null);
    }

    public override ValueTask<TopicAnswer> DeleteTopicAsync(string topic)
    {
        ThrowIfUnable();
        if (IsInternal(topic, out var refusal))
            return refusal;
        var reply = _engine.Topics.Delete(topic, _engine.NowMs);
        _engine.GroupSessions.NotifyAll();
        return AnswerAsync(reply, topic, null);
    }

    public override async ValueTask<LogStartAnswer> DeleteRecordsAsync(TopicPartition partition, long beforeOffset)
    {
        ThrowIfUnable();
        if (_engine.Partitions.Find(partition) is not { } found)
            return new LogStartAnswer(ErrorCode.UnknownTopicOrPartition, -1);
        var reply = LogRetention.DeleteRecords(found, beforeOffset, _engine.NowMs);
        await VisibilityWait.For(_engine, reply.Lsn);
        _engine.DropFiles(reply);
        return new LogStartAnswer(reply.Error, reply.Error == ErrorCode.None ? reply.LogStart : -1);
    }

    private static GroupSettings Merge(GroupSettings broker, WireSettings chosen) => broker with
    {
        InitialRebalanceDelayMs = Milliseconds(chosen.InitialRebalanceDelay),
        MinSessionTimeoutMs = Milliseconds(chosen.SessionTimeoutMin),
        MaxSessionTimeoutMs = Milliseconds(chosen.SessionTimeoutMax),
        ConsumerSessionTimeoutMs = Milliseconds(chosen.ConsumerSessionTimeout),
        MembersMax = chosen.GroupMembersMax,
        OffsetMetadataCharsMax = chosen.OffsetMetadataCharsMax,
    };

    private static int Milliseconds(TimeSpan time) => (int)Math.Clamp(time.TotalMilliseconds, 0, int.MaxValue);

    private static TopicDescription? Describe(TopicRecord.Put? topic) =>
        topic is null ? null : new TopicDescription(topic.Name, topic.Id, topic.Partitions, topic.Options.Clone(), topic.IsInternal);

    private static bool IsInternal(string topic, out ValueTask<TopicAnswer> refusal)
    {
        var isInternal = InternalTopicNames.Contains(topic);
        refusal = isInternal ? Immediately(new TopicAnswer(ErrorCode.InvalidTopic, null, $"'{topic}' is the broker's own.")) : default;
        return isInternal;
    }

    private async ValueTask<TopicAnswer> AnswerAsync(TopicReply reply, string topic, TopicOptions? options)
    {
        await VisibilityWait.For(_engine, reply.Lsn);
        var message = reply.Error == ErrorCode.None ? null : Refusals.Of(reply, topic, options).Message;
        return new TopicAnswer(reply.Error, Describe(reply.Topic), message);
    }

    private static ValueTask<T> Immediately<T>(T answer) => new(answer);

    /// <summary>What a query says waits, as every reply does, for the state it relied on.</summary>
    private async ValueTask<T> QueryAsync<T>(Func<CoordinationState, T> query)
    {
        _engine.ThrowIfClosed();
        T found;
        long lsn;
        lock (_engine.State.Lock)
            (found, lsn) = (query(_engine.State), _engine.State.AppliedLsn);
        await VisibilityWait.For(_engine, lsn);
        return found;
    }

    // A journal that has failed will never make anything durable: better no change at all than one that nobody can be told of.
    private void ThrowIfUnable()
    {
        _engine.ThrowIfClosed();
        _engine.Journal.ThrowIfFailed();
    }

    private PartitionKey? KeyOf(TopicPartition partition) => _engine.Partitions.Find(partition)?.Key;

    private static ErrorCode[] Every(int count, ErrorCode error)
    {
        var errors = new ErrorCode[count];
        Array.Fill(errors, error);
        return errors;
    }
}
