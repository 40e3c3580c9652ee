using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce;

/// <summary>
/// Says how a producer is to work, then makes it. Every setting has a good default: <c>broker.CreateProducer(topic).Build()</c> is the common case.
/// </summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
public sealed class ProducerBuilder<TKey, TValue>
{
    private readonly Broker _broker;
    private readonly Topic<TKey, TValue> _topic;
    private ProducerSettings _settings;

    internal ProducerBuilder(Broker broker, Topic<TKey, TValue> topic)
    {
        _broker = broker;
        _topic = topic;
        _settings = new ProducerSettings { AutoCreateTopics = broker.Options.AutoCreateTopics, CloseTimeout = broker.Options.CloseTimeout };
    }

    /// <summary>
    /// How long a sent record waits for others to share its batch; default zero, at once. Posted records wait at least one millisecond in any case.
    /// </summary>
    /// <param name="linger">Zero to one minute.</param>
    public ProducerBuilder<TKey, TValue> WithLinger(TimeSpan linger)
    {
        SettingLimits.CheckLinger(linger);
        return With(_settings with { Linger = linger });
    }

    /// <summary>The size at which a batch is sent without waiting longer; default 64 KiB. A larger record gets a batch of its own.</summary>
    /// <param name="bytes">512 bytes to 64 MiB.</param>
    public ProducerBuilder<TKey, TValue> WithBatchSize(int bytes)
    {
        SettingLimits.CheckBatchBytes(bytes);
        return With(_settings with { BatchBytes = bytes });
    }

    /// <summary>How many bytes may be accepted and not yet acknowledged; beyond that Send and Post wait. Default 32 MiB.</summary>
    /// <param name="bytes">At least 1 KiB.</param>
    public ProducerBuilder<TKey, TValue> WithBufferMemory(long bytes)
    {
        SettingLimits.CheckBufferMemory(bytes);
        return With(_settings with { BufferMemoryBytes = bytes });
    }

    /// <summary>How batches are compressed; default not at all. Other codecs than gzip are added to the broker (<see cref="BrokerOptions.Codecs"/>).</summary>
    /// <param name="compression">The compression.</param>
    public ProducerBuilder<TKey, TValue> WithCompression(CompressionType compression)
    {
        SettingLimits.CheckCompression(compression, _broker.Backend);
        return With(_settings with { Compression = compression });
    }

    /// <summary>Who chooses the partition of a record with a key; default <see cref="Partitioners.Murmur2"/>, which is Kafka's.</summary>
    /// <param name="partitioner">The partitioner.</param>
    public ProducerBuilder<TKey, TValue> WithPartitioner(Partitioner partitioner)
    {
        ArgumentNullException.ThrowIfNull(partitioner);
        return With(_settings with { Partitioner = partitioner });
    }

    /// <summary>
    /// Gives the producer a name under which the broker remembers its last source sequence, across restarts. There is one producer of a name at a time: a new
    /// one fences the older.
    /// </summary>
    /// <param name="name">1 to 249 characters.</param>
    public ProducerBuilder<TKey, TValue> WithIdentity(string name)
    {
        SettingLimits.CheckIdentity(name, nameof(name));
        return With(_settings with { Name = name });
    }

    /// <summary>How long disposing waits for what was sent; default that of the broker.</summary>
    /// <param name="timeout">Not negative.</param>
    public ProducerBuilder<TKey, TValue> WithCloseTimeout(TimeSpan timeout)
    {
        SettingLimits.CheckWait(timeout, nameof(timeout));
        return With(_settings with { CloseTimeout = timeout });
    }

    /// <summary>Makes the producer. Its identity is taken, and its topic created if need be, by its first use.</summary>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public Producer<TKey, TValue> Build()
    {
        _broker.ThrowIfClosed();
        return new Producer<TKey, TValue>(_broker, _topic, _settings);
    }

    /// <summary>Makes the producer and takes its identity and its topic now, so that errors surface here.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="UnknownTopicException">There is no such topic and it may not be created.</exception>
    public async ValueTask<Producer<TKey, TValue>> BuildAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var producer = Build();
        try
        {
            await producer.Accumulator.ResolveAsync(_topic.Name, cancellationToken).ConfigureAwait(false);
            return producer;
        }
        catch
        {
            await producer.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private ProducerBuilder<TKey, TValue> With(ProducerSettings settings)
    {
        _settings = settings;
        return this;
    }
}
