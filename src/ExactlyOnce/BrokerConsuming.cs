using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce;

/// <summary>The reading half of a broker: consumers, pipelines, subscriptions.</summary>
public static class BrokerConsuming
{
    /// <summary>Describes a consumer; <c>Build()</c> makes it.</summary>
    /// <param name="broker">The broker.</param>
    /// <param name="topic">The topic to read.</param>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public static ConsumerBuilder<TKey, TValue> CreateConsumer<TKey, TValue>(this Broker broker, Topic<TKey, TValue> topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return new ConsumerBuilder<TKey, TValue>(Open(broker), topic);
    }

    /// <summary>Describes a pipeline: what it reads, how it works, what it does.</summary>
    /// <param name="broker">The broker.</param>
    /// <param name="name">Names it across restarts: its consumer group, and the beginning of its transactional ids. 1 to 200 characters.</param>
    /// <exception cref="ArgumentException">Not a valid name.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public static PipelineBuilder CreatePipeline(this Broker broker, string name)
    {
        // Room for "-<worker>" in the transactional ids.
        const int LengthMax = 200;
        ConsumerOptions.ValidateGroup(name, nameof(name));
        if (name.Length > LengthMax)
            throw new ArgumentException($"The pipeline's name has {name.Length} characters; at most {LengthMax} are allowed.", nameof(name));
        return new PipelineBuilder(Open(broker), name);
    }

    /// <summary>Calls <paramref name="handler"/> for every record published from now on, one at a time.</summary>
    /// <param name="broker">The broker.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="handler">Called with each record, on the broker's scheduler.</param>
    /// <param name="configure">Sets options.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public static Subscription Subscribe<TKey, TValue>(
        this Broker broker, Topic<TKey, TValue> topic, Action<ConsumerRecord<TKey, TValue>> handler, Action<SubscriptionOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Subscribe(
            broker,
            topic,
            (ConsumerRecord<TKey, TValue> record) =>
            {
                handler(record);
                return default(ValueTask);
            },
            configure);
    }

    /// <summary>Calls <paramref name="handler"/> for every record published from now on, and awaits it before the next one.</summary>
    /// <param name="broker">The broker.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="handler">Called with each record, on the broker's scheduler.</param>
    /// <param name="configure">Sets options.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public static Subscription Subscribe<TKey, TValue>(
        this Broker broker, Topic<TKey, TValue> topic, Func<ConsumerRecord<TKey, TValue>, ValueTask> handler, Action<SubscriptionOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ArgumentNullException.ThrowIfNull(handler);
        var options = new SubscriptionOptions();
        configure?.Invoke(options);
        options.Validate();
        Open(broker);
        return new Subscription(broker, new Delivery<TKey, TValue>(broker.Backend, topic, broker.Options.AutoCreateTopics, options, handler));
    }

    /// <summary>
    /// Makes the position behind a batch part of the transaction: results and position become true together, exactly once. Committing fails when the group has
    /// given the partition to somebody else meanwhile.
    /// </summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="consumer">The consumer the batch was read by; it must be in a group.</param>
    /// <param name="processed">The batch whose results are in the transaction; the consumer's current one.</param>
    /// <exception cref="InvalidOperationException">The batch is over, the consumer has no group, or the transaction has ended.</exception>
    /// <exception cref="ArgumentException">The batch was read by another consumer.</exception>
    public static void AddOffsets<TKey, TValue>(this Transaction transaction, Consumer<TKey, TValue> consumer, ConsumerBatch<TKey, TValue> processed)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(consumer);
        ArgumentNullException.ThrowIfNull(processed);
        transaction.AddOffsets(consumer.OffsetsOf(processed));
    }

    private static Broker Open(Broker broker)
    {
        ArgumentNullException.ThrowIfNull(broker);
        broker.ThrowIfClosed();
        return broker;
    }
}
