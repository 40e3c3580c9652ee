using Microsoft.Extensions.Logging;

namespace ExactlyOnce;

/// <summary>Says what broker is wanted and which topics it must have, then opens it.</summary>
public sealed class BrokerBuilder
{
    private readonly BrokerOptions _options;
    private readonly List<TopicDeclaration> _topics = [];

    internal BrokerBuilder(BrokerOptions options) => _options = options;

    /// <summary>Keeps everything in this folder; without it the broker is in memory.</summary>
    /// <param name="path">The folder; created when it does not exist.</param>
    public BrokerBuilder UseDirectory(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        _options.Directory = path;
        return this;
    }

    /// <summary>Takes mode, folder and durability from a connection string: <c>mode=memory</c>, <c>mode=durable;path=data/shop</c>, or a plain path.</summary>
    /// <param name="connectionString">The connection string.</param>
    /// <exception cref="ArgumentException">The string is not understood; the message says where.</exception>
    public BrokerBuilder UseConnectionString(string connectionString)
    {
        ConnectionString.Apply(connectionString, _options, nameof(connectionString));
        return this;
    }

    /// <summary>Says what has happened to a record before it is acknowledged.</summary>
    /// <param name="durability">The durability.</param>
    /// <param name="commitDelay">How long a write may wait for others to share its sync; null leaves it at zero.</param>
    public BrokerBuilder WithDurability(Durability durability, TimeSpan? commitDelay = null)
    {
        _options.Durability = durability;
        if (commitDelay is { } delay)
            _options.CommitDelay = delay;
        return this;
    }

    /// <summary>Uses this clock instead of the system's.</summary>
    /// <param name="timeProvider">The clock.</param>
    public BrokerBuilder WithTimeProvider(TimeProvider timeProvider)
    {
        ArgumentNullException.ThrowIfNull(timeProvider);
        _options.TimeProvider = timeProvider;
        return this;
    }

    /// <summary>Logs to these loggers.</summary>
    /// <param name="loggerFactory">Makes the loggers.</param>
    public BrokerBuilder WithLoggerFactory(ILoggerFactory loggerFactory)
    {
        ArgumentNullException.ThrowIfNull(loggerFactory);
        _options.LoggerFactory = loggerFactory;
        return this;
    }

    /// <summary>Adds a compression codec.</summary>
    /// <param name="codec">The codec.</param>
    public BrokerBuilder AddCodec(ICompressionCodec codec)
    {
        ArgumentNullException.ThrowIfNull(codec);
        _options.Codecs.Add(codec);
        return this;
    }

    /// <summary>Sets any other option.</summary>
    /// <param name="configure">Changes the options.</param>
    public BrokerBuilder Configure(Action<BrokerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        configure(_options);
        return this;
    }

    /// <summary>
    /// Makes sure that the topic exists when the broker is open: created when missing, grown when it has fewer partitions; more partitions than declared are
    /// refused.
    /// </summary>
    /// <param name="topic">The topic.</param>
    /// <param name="configure">Sets the options a new topic gets, and the number of partitions.</param>
    public BrokerBuilder AddTopic<TKey, TValue>(Topic<TKey, TValue> topic, Action<TopicOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return AddTopic(topic.Name, configure);
    }

    /// <summary>Makes sure that a topic of this name exists when the broker is open.</summary>
    /// <param name="topic">The topic's name.</param>
    /// <param name="configure">Sets the options a new topic gets, and the number of partitions.</param>
    /// <exception cref="ArgumentException">Not a topic name, or declared twice.</exception>
    public BrokerBuilder AddTopic(string topic, Action<TopicOptions>? configure = null)
    {
        Topic.ValidateName(topic, nameof(topic));
        foreach (var declared in _topics)
            if (declared.Name == topic)
                throw new ArgumentException($"The topic '{topic}' is declared twice.", nameof(topic));
        var options = new TopicOptions();
        configure?.Invoke(options);
        _topics.Add(new TopicDeclaration(topic, options));
        return this;
    }

    /// <summary>Opens the broker; it is ready, and its topics are there, when this completes.</summary>
    /// <param name="cancellationToken">Stops the opening.</param>
    /// <exception cref="InvalidRequestException">An option is not valid, or a declared topic has more partitions already.</exception>
    /// <exception cref="StorageException">The folder is in use by another process, damaged, or its disk failed.</exception>
    public async Task<Broker> OpenAsync(CancellationToken cancellationToken = default)
    {
        var broker = await Broker.OpenAsync(_options, cancellationToken).ConfigureAwait(false);
        try
        {
            foreach (var topic in _topics)
                await topic.EnsureAsync(broker.Backend, cancellationToken).ConfigureAwait(false);
            return broker;
        }
        catch
        {
            await broker.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
