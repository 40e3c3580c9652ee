using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Pipelines;

namespace ExactlyOnce;

/// <summary>The beginning of a pipeline: <c>broker.CreatePipeline("billing").Read(Topics.Orders)…</c></summary>
public sealed class PipelineBuilder
{
    private readonly Broker _broker;
    private readonly string _name;

    internal PipelineBuilder(Broker broker, string name)
    {
        _broker = broker;
        _name = name;
    }

    /// <summary>The topic to read.</summary>
    /// <param name="topic">The topic.</param>
    public PipelineBuilder<TKey, TValue> Read<TKey, TValue>(Topic<TKey, TValue> topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return new PipelineBuilder<TKey, TValue>(_broker, _name, topic);
    }
}

/// <summary>
/// Describes a pipeline; <see cref="Process"/>, <see cref="ProcessEach"/>, <see cref="To"/> or <see cref="IntoSink"/> comes last and makes it.
/// </summary>
/// <typeparam name="TKey">The key type of the topic read.</typeparam>
/// <typeparam name="TValue">The value type of the topic read.</typeparam>
public sealed class PipelineBuilder<TKey, TValue>
{
    private readonly Broker _broker;
    private readonly string _name;
    private readonly Topic<TKey, TValue> _topic;
    private readonly PipelineOptions _options = new();

    internal PipelineBuilder(Broker broker, string name, Topic<TKey, TValue> topic)
    {
        _broker = broker;
        _name = name;
        _topic = topic;
    }

    /// <summary>The pipeline's name: its consumer group, and the name under which a sink keeps its offsets.</summary>
    public string Name => _name;

    /// <summary>The topic read.</summary>
    public Topic<TKey, TValue> Topic => _topic;

    /// <summary>The broker that has the topic: a sink may ask it for the topic's id, which tells it from an earlier topic of that name.</summary>
    public Broker Broker => _broker;

    /// <summary>How many workers read at the same time, each its share of the partitions. Order is kept within a partition.</summary>
    /// <param name="workers">At least 1; more than there are partitions are of no use.</param>
    public PipelineBuilder<TKey, TValue> WithWorkers(int workers) => With(options => options.Workers = workers);

    /// <summary>How much one transaction takes.</summary>
    /// <param name="maxRecords">The most records in a batch.</param>
    /// <param name="maxWait">How long fewer records may wait for more; null for not at all.</param>
    public PipelineBuilder<TKey, TValue> WithBatch(int maxRecords, TimeSpan? maxWait = null) => With(options =>
    {
        options.MaxBatchRecords = maxRecords;
        options.MaxBatchWait = maxWait ?? TimeSpan.Zero;
    });

    /// <summary>How often, and after which waits, a batch that failed is tried again.</summary>
    /// <param name="maxAttempts">How often it is tried at most; 1 for no second attempt.</param>
    /// <param name="initialDelay">The wait before the second attempt, doubled for each further one; null for 100 milliseconds.</param>
    /// <param name="maxDelay">The longest wait; null for 30 seconds, or the initial one if that is longer.</param>
    public PipelineBuilder<TKey, TValue> WithRetry(int maxAttempts, TimeSpan? initialDelay = null, TimeSpan? maxDelay = null) => With(options =>
    {
        options.MaxAttempts = maxAttempts;
        options.InitialRetryDelay = initialDelay ?? options.InitialRetryDelay;
        options.MaxRetryDelay = maxDelay ?? (options.InitialRetryDelay > options.MaxRetryDelay ? options.InitialRetryDelay : options.MaxRetryDelay);
    });

    /// <summary>
    /// Moves a record whose attempts are used up into a dead-letter topic, in the transaction that steps over it, with <see cref="DeadLetterHeaders"/> that say
    /// why. To find the record, the batch is tried in ever smaller pieces. The topic is created, with as many partitions as the one read, when it does not
    /// exist. Where a sink holds the offset, the record is published once all the same, whatever fails in between, and then not tried again.
    /// </summary>
    /// <param name="topic">A topic of the same types: keys and values are moved as they stand in the log.</param>
    public PipelineBuilder<TKey, TValue> DeadLetterTo(Topic<TKey, TValue> topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return With(options =>
        {
            options.DeadLetterTopic = topic.Name;
            options.WhenRetriesExhausted = ExactlyOnce.WhenRetriesExhausted.DeadLetter;
        });
    }

    /// <summary>What to do when the attempts are used up and there is no dead-letter topic.</summary>
    /// <param name="policy">Stop the partition, or the pipeline.</param>
    public PipelineBuilder<TKey, TValue> WhenRetriesExhausted(WhenRetriesExhausted policy) => With(options => options.WhenRetriesExhausted = policy);

    /// <summary>Where to begin in a partition of which the pipeline has not committed anything. Default <see cref="StartFrom.Earliest"/>.</summary>
    /// <param name="position">The position.</param>
    public PipelineBuilder<TKey, TValue> StartFrom(StartFrom position) => With(options => options.StartFrom = position);

    /// <summary>Sets any option.</summary>
    /// <param name="configure">Changes the options.</param>
    public PipelineBuilder<TKey, TValue> With(Action<PipelineOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(_options);
        return this;
    }

    /// <summary>Works on batches. What is written to the output, and that the batch is done, become true together.</summary>
    /// <param name="process">Works on a batch; may be called again for the same records. Its effects outside the output are its own affair.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public Pipeline Process(Func<ConsumerBatch<TKey, TValue>, TransactionWriter, CancellationToken, ValueTask> process)
    {
        ArgumentNullException.ThrowIfNull(process);
        var (broker, name) = (_broker, _name);
        return Make(options => async (worker, cancellationToken) =>
        {
            var producer = await broker.CreateTransactionalProducerAsync(
                $"{name}-{worker}", new TransactionalProducerOptions { TransactionTimeout = options.TransactionTimeout }, cancellationToken).ConfigureAwait(false);
            // Its worker closes it; a closing broker closes the pipeline as a whole.
            broker.Unregister(producer);
            return new TransactionOutput<TKey, TValue>(broker.Backend, name, producer, options.DeadLetterTopic, process);
        });
    }

    /// <summary>Works on records, one after the other. A batch of them is still one transaction; a record that fails is known at once.</summary>
    /// <param name="process">Works on a record; may be called again for it.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public Pipeline ProcessEach(Func<ConsumerRecord<TKey, TValue>, TransactionWriter, CancellationToken, ValueTask> process)
    {
        ArgumentNullException.ThrowIfNull(process);
        return Process(async (batch, output, cancellationToken) =>
        {
            foreach (var record in batch)
            {
                try
                {
                    await process(record, output, cancellationToken).ConfigureAwait(false);
                }
                catch (Exception exception) when (HandlerFailure.Is(exception, cancellationToken))
                {
                    throw new HandlerFailure(exception, record.Offset);
                }
            }
        });
    }

    /// <summary>Turns every record into one of another topic.</summary>
    /// <param name="topic">The topic to write to.</param>
    /// <param name="map">Makes key and value of the record to write.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public Pipeline To<TOutKey, TOutValue>(
        Topic<TOutKey, TOutValue> topic, Func<ConsumerRecord<TKey, TValue>, (TOutKey Key, TOutValue Value)> map)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ArgumentNullException.ThrowIfNull(map);
        return ProcessEach((record, output, cancellationToken) =>
        {
            var (key, value) = map(record);
            return output.SendAsync(topic, key, value, cancellationToken);
        });
    }

    /// <summary>
    /// Hands batches to a store that keeps effects and offsets together. With a dead-letter topic: a record that is moved there is published before the store
    /// steps over it, so that a crash in between publishes it twice.
    /// </summary>
    /// <param name="sink">The store; must be thread-safe when there are several workers.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or two contradict each other.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public Pipeline IntoSink(ITransactionalSink<TKey, TValue> sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        var (broker, topic, name) = (_broker, _topic, _name);
        return Make(options => (_, _) => ValueTask.FromResult<PipelineOutput<TKey, TValue>>(
            new SinkOutput<TKey, TValue>(broker, topic, name, options.DeadLetterTopic, sink)));
    }

    private Pipeline Make(Func<PipelineOptions, Func<int, CancellationToken, ValueTask<PipelineOutput<TKey, TValue>>>> open)
    {
        _options.Validate(_broker.Options.MaxTransactionTimeout);
        _broker.ThrowIfClosed();
        var options = _options.Clone();
        var plan = new PipelinePlan<TKey, TValue>(_topic, _name, _broker.Backend, options, _broker.Options.AutoCreateTopics, open(options));
        return new Pipeline(_broker, plan);
    }
}
