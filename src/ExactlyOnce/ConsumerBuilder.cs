namespace ExactlyOnce;

/// <summary>Describes a consumer: <c>broker.CreateConsumer(Topics.Orders).InGroup("mailer").StartFrom(StartFrom.Earliest).Build()</c>.</summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
public sealed class ConsumerBuilder<TKey, TValue>
{
    private readonly Broker _broker;
    private readonly Topic<TKey, TValue> _topic;
    private readonly ConsumerOptions _options = new();

    internal ConsumerBuilder(Broker broker, Topic<TKey, TValue> topic)
    {
        _broker = broker;
        _topic = topic;
    }

    /// <summary>Shares the topic's partitions with the group's other members and remembers committed offsets under the group's name.</summary>
    /// <param name="group">The group's name, 1 to 249 characters.</param>
    public ConsumerBuilder<TKey, TValue> InGroup(string group)
    {
        ArgumentNullException.ThrowIfNull(group);
        return With(options => options.Group = group);
    }

    /// <summary>Makes the consumer a static member of its group: coming back under the same id needs no rebalance and fences the former holder.</summary>
    /// <param name="instanceId">The id, unique in the group.</param>
    public ConsumerBuilder<TKey, TValue> WithInstanceId(string instanceId)
    {
        ArgumentNullException.ThrowIfNull(instanceId);
        return With(options => options.InstanceId = instanceId);
    }

    /// <summary>Reads exactly these partitions. With <see cref="InGroup"/> the group only remembers offsets.</summary>
    /// <param name="partitions">The partitions' indexes.</param>
    public ConsumerBuilder<TKey, TValue> WithPartitions(params int[] partitions)
    {
        ArgumentNullException.ThrowIfNull(partitions);
        return With(options => options.Partitions = [.. partitions]);
    }

    /// <summary>Where to begin in a partition without a committed offset. Default <see cref="StartFrom.Earliest"/>.</summary>
    /// <param name="position">The position.</param>
    public ConsumerBuilder<TKey, TValue> StartFrom(StartFrom position) => With(options => options.StartFrom = position);

    /// <summary>Which records are given. Default <see cref="IsolationLevel.ReadCommitted"/>.</summary>
    /// <param name="isolation">The isolation.</param>
    public ConsumerBuilder<TKey, TValue> WithIsolation(IsolationLevel isolation) => With(options => options.Isolation = isolation);

    /// <summary>What to do about a position that the log does not hold (any more). Default: go on at the earliest, with a warning.</summary>
    /// <param name="policy">The policy.</param>
    public ConsumerBuilder<TKey, TValue> WhenOffsetLost(WhenOffsetLost policy) => With(options => options.WhenOffsetLost = policy);

    /// <summary>How much is read at once.</summary>
    /// <param name="maxRecords">The most records in a batch.</param>
    /// <param name="maxBytes">About the most bytes read at once.</param>
    public ConsumerBuilder<TKey, TValue> WithBatch(int maxRecords, int maxBytes = 1024 * 1024) => With(options =>
    {
        options.MaxBatchRecords = maxRecords;
        options.MaxBatchBytes = maxBytes;
    });

    /// <summary>Sets any option.</summary>
    /// <param name="configure">Changes the options.</param>
    public ConsumerBuilder<TKey, TValue> With(Action<ConsumerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(_options);
        return this;
    }

    /// <summary>Creates the consumer. It joins its group and takes its positions when it is first used.</summary>
    /// <exception cref="ArgumentException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public Consumer<TKey, TValue> Build()
    {
        _options.Validate();
        _broker.ThrowIfClosed();
        var options = _options.Clone();
        return new Consumer<TKey, TValue>(_broker, _topic, options);
    }
}
