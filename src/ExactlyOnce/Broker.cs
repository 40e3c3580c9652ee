using System.Collections.Concurrent;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce;

/// <summary>
/// An exactly-once message broker inside this process, in memory or in a folder. Thread-safe; one per folder. Producers, consumers, transactions and pipelines
/// come from it and are disposed before it; disposing the broker closes those that were forgotten.
/// <code>
/// var greetings = Topic.Create("greetings", Serdes.Utf8);
/// await using var broker = Broker.CreateInMemory();
/// await broker.PublishAsync(greetings, "hello, world");
/// </code>
/// </summary>
public sealed class Broker : IAsyncDisposable
{
    private readonly ConcurrentDictionary<IAsyncDisposable, bool> _clients = new();
    private readonly RecordSender _publisher;
    private readonly Lock _closeLock = new();
    private Task? _closing;

    internal Broker(BrokerBackend backend, BrokerOptions options)
    {
        Backend = backend;
        Options = options;
        Admin = new BrokerAdmin(backend);
        _publisher = new RecordSender(new RecordAccumulator(
            backend, new ProducerSettings { AutoCreateTopics = options.AutoCreateTopics, CloseTimeout = options.CloseTimeout }));
    }

    /// <summary>Topics, transactions and groups: looking at them and changing them.</summary>
    public BrokerAdmin Admin { get; }

    /// <summary>
    /// What stopped the broker from writing; null while it is well. A disk that failed once is not trusted again: reopen the broker to write again.
    /// </summary>
    public StorageException? Failure => Backend.Failure;

    internal BrokerBackend Backend { get; }

    internal BrokerOptions Options { get; }

    /// <summary>A broker in memory: nothing touches a disk, everything is gone with it. It is also the test double of a durable one.</summary>
    public static Broker CreateInMemory() => CreateInMemory(static _ => { });

    /// <summary>A broker in memory, with options.</summary>
    /// <param name="configure">Sets the options.</param>
    /// <exception cref="InvalidRequestException">An option is not valid.</exception>
    public static Broker CreateInMemory(Action<BrokerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var options = new BrokerOptions();
        configure(options);
        if (options.Directory is not null)
            throw new InvalidRequestException(ErrorCode.InvalidConfig, "A broker in memory has no directory; open one with Broker.OpenAsync(path).");
        options.Validate();
        return new Broker(BackendOpening.OpenInMemory(options), options);
    }

    /// <summary>Opens a durable broker in a folder, or the broker a connection string names: <c>mode=memory</c>, <c>mode=durable;path=data/shop</c>.</summary>
    /// <param name="directoryOrConnectionString">The folder, created when it does not exist, or a connection string, which begins with <c>mode=</c>.</param>
    /// <param name="cancellationToken">Stops the opening.</param>
    /// <exception cref="ArgumentException">The connection string is not understood.</exception>
    /// <exception cref="StorageException">The folder is in use by another process, damaged, or its disk failed.</exception>
    public static Task<Broker> OpenAsync(string directoryOrConnectionString, CancellationToken cancellationToken = default)
    {
        var options = new BrokerOptions();
        ConnectionString.Apply(directoryOrConnectionString, options, nameof(directoryOrConnectionString));
        return OpenAsync(options, cancellationToken);
    }

    /// <summary>Begins to describe a broker: folder, durability, topics, clock.</summary>
    public static BrokerBuilder CreateBuilder() => new(new BrokerOptions());

    /// <summary>
    /// Begins to describe a broker from options that exist already, from a configuration for example. The builder changes them, and the broker keeps them.
    /// </summary>
    /// <param name="options">The options.</param>
    public static BrokerBuilder CreateBuilder(BrokerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new BrokerBuilder(options);
    }

    /// <summary>Describes a producer for a topic; <c>.Build()</c> makes it.</summary>
    /// <param name="topic">The topic to write to.</param>
    public ProducerBuilder<TKey, TValue> CreateProducer<TKey, TValue>(Topic<TKey, TValue> topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ThrowIfClosed();
        return new ProducerBuilder<TKey, TValue>(this, topic);
    }

    /// <summary>Opens a transactional producer with default options; fences every older one with that id.</summary>
    /// <param name="transactionalId">Names the producer across restarts, 1 to 249 characters.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    public Task<TransactionalProducer> CreateTransactionalProducerAsync(string transactionalId, CancellationToken cancellationToken = default) =>
        CreateTransactionalProducerAsync(transactionalId, new TransactionalProducerOptions(), cancellationToken);

    /// <summary>Opens a transactional producer; fences every older one with that id and aborts what it left open.</summary>
    /// <param name="transactionalId">Names the producer across restarts, 1 to 249 characters.</param>
    /// <param name="options">How it works.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="ArgumentException">The id or an option is not valid.</exception>
    public async Task<TransactionalProducer> CreateTransactionalProducerAsync(
        string transactionalId, TransactionalProducerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfClosed();
        var producer = new TransactionalProducer(this, transactionalId, options);
        try
        {
            await producer.StartAsync(cancellationToken).ConfigureAwait(false);
            return producer;
        }
        catch
        {
            await producer.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Writes one record without a key and waits for its acknowledgement, through a producer that the whole broker shares.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    public ValueTask<RecordMetadata> PublishAsync<TValue>(Topic<NoKey, TValue> topic, TValue value, CancellationToken cancellationToken = default) =>
        PublishAsync(topic, new ProducerRecord<NoKey, TValue>(default, value), cancellationToken);

    /// <summary>Writes one record and waits for its acknowledgement, through a producer that the whole broker shares.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="key">The key; null for none.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    public ValueTask<RecordMetadata> PublishAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, TKey key, TValue value, CancellationToken cancellationToken = default) =>
        PublishAsync(topic, new ProducerRecord<TKey, TValue>(key, value), cancellationToken);

    /// <summary>Writes one record with headers, timestamp, partition or an id of its own and waits for its acknowledgement.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="record">The record.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    /// <exception cref="BrokerException">The record was refused; <see cref="BrokerException.Recovery"/> says what to do.</exception>
    /// <exception cref="ObjectDisposedException">The broker is closed.</exception>
    public ValueTask<RecordMetadata> PublishAsync<TKey, TValue>(
        Topic<TKey, TValue> topic, ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        ThrowIfClosed();
        return _publisher.SendAsync(topic, record, cancellationToken);
    }

    /// <summary>
    /// Closes the clients that are still open and then the broker, in bounded time unless the disk hangs. A checkpoint or a compaction that takes longer than
    /// <see cref="BrokerOptions.CloseTimeout"/> goes on behind it, and the directory stays locked until it has ended. May be called more than once; a second
    /// call waits for the first.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        TaskCompletionSource closed;
        lock (_closeLock)
        {
            if (_closing is { } running)
                return new ValueTask(running);
            closed = new TaskCompletionSource();
            _closing = closed.Task;
        }
        // Not under the lock: clients that end run on into the code of whoever waits for their end.
        _ = CloseAsync(closed);
        return new ValueTask(closed.Task);
    }

    internal static async Task<Broker> OpenAsync(BrokerOptions options, CancellationToken cancellationToken)
    {
        options.Validate();
        var backend = await BackendOpening.OpenAsync(options, cancellationToken).ConfigureAwait(false);
        return new Broker(backend, options);
    }

    /// <summary>Has the broker close a client that its owner forgot.</summary>
    internal void Register(IAsyncDisposable client) => _clients.TryAdd(client, true);

    internal void Unregister(IAsyncDisposable client) => _clients.TryRemove(client, out _);

    internal void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_closing is not null, this);

    private async Task CloseAsync(TaskCompletionSource closed)
    {
        try
        {
            await CloseAsync().ConfigureAwait(false);
            closed.SetResult();
        }
        catch (Exception exception)
        {
            closed.SetException(exception);
        }
    }

    // The backend is closed whatever becomes of the clients: it is what leaves a clean directory behind.
    private async Task CloseAsync()
    {
        // Side by side, so that several which do not come to an end cost the patience once.
        await Task.WhenAll(_clients.Keys.Select(CloseAsync)).ConfigureAwait(false);
        await CloseAsync(_publisher.Accumulator).ConfigureAwait(false);
        await Backend.DisposeAsync().ConfigureAwait(false);
    }

    private async Task CloseAsync(IAsyncDisposable client)
    {
        try
        {
            await client.DisposeAsync().AsTask().WaitAsync(Options.CloseTimeout, Backend.Time).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            BrokerLog.ClientNotClosed(Backend.LoggerFactory.CreateLogger("ExactlyOnce.Broker"), exception, client.GetType().Name);
        }
    }
}
