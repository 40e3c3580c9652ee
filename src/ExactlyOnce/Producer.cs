using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce;

/// <summary>
/// Writes records to one topic, each exactly once and in order. Thread-safe; meant to live long and to be shared. Disposing it sends what was accepted.
/// <code>
/// await using var producer = broker.CreateProducer(Topics.Orders).Build();
/// RecordMetadata at = await producer.SendAsync("customer-7", order);
/// </code>
/// </summary>
/// <remarks>
/// <para><b>Send</b> completes with the acknowledgement: the record is as durable as the broker was told to make it. <b>Post</b> completes as soon as there is
/// buffer space; the first failure of a posted record is told by <see cref="FlushAsync"/>.</para>
/// <para>Cancellation is honoured until the record has its place in the order and ignored afterwards: the returned task then tells the true outcome. A
/// cancelled call has written nothing.</para>
/// <para>A refused batch fails its own records. After an error that could leave a gap the producer stops: everything fails with the same cause, whose
/// <see cref="BrokerException.Recovery"/> says what to do, and nothing is sent out of order.</para>
/// </remarks>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
public sealed class Producer<TKey, TValue> : IAsyncDisposable
{
    private readonly Broker _broker;
    private readonly RecordSender _sender;
    private readonly Lock _closeLock = new();
    private Task? _closing;

    internal Producer(Broker broker, Topic<TKey, TValue> topic, ProducerSettings settings)
    {
        _broker = broker;
        Topic = topic;
        _sender = new RecordSender(new RecordAccumulator(broker.Backend, settings));
        broker.Register(this);
    }

    /// <summary>The topic written to.</summary>
    public Topic<TKey, TValue> Topic { get; }

    /// <summary>The name whose source sequence is remembered (<see cref="ProducerBuilder{TKey,TValue}.WithIdentity"/>); null for none.</summary>
    public string? Identity => _sender.Accumulator.Settings.Name;

    internal RecordAccumulator Accumulator => _sender.Accumulator;

    /// <summary>Writes a record and waits for its acknowledgement.</summary>
    /// <param name="key">The key; null for none.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    /// <exception cref="RecordTooLargeException">The record does not fit; nothing was written.</exception>
    /// <exception cref="InvalidOperationException">The producer has an identity, and the record no source sequence.</exception>
    /// <exception cref="BrokerException">The record was refused; <see cref="BrokerException.Recovery"/> says what to do.</exception>
    /// <exception cref="ObjectDisposedException">The producer is closed.</exception>
    public ValueTask<RecordMetadata> SendAsync(TKey key, TValue value, CancellationToken cancellationToken = default) =>
        _sender.SendAsync(Topic, new ProducerRecord<TKey, TValue>(key, value), cancellationToken);

    /// <summary>
    /// Writes a record of the caller's own numbered source and waits for its acknowledgement. A sequence at or below the last one is acknowledged as a
    /// duplicate and not written, also after a crash: the sequence is remembered in the same step that writes the record.
    /// </summary>
    /// <param name="key">The key; null for none.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="sourceSequence">The record's number in its source, not negative; strictly increasing, gaps allowed.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    /// <exception cref="InvalidOperationException">The producer has no identity.</exception>
    /// <exception cref="BrokerException">The record was refused; the producer has stopped, create a new one and resume at its last sequence.</exception>
    public ValueTask<RecordMetadata> SendAsync(TKey key, TValue value, long sourceSequence, CancellationToken cancellationToken = default) =>
        _sender.SendAsync(Topic, new ProducerRecord<TKey, TValue>(key, value) { SourceSequence = sourceSequence }, cancellationToken);

    /// <summary>
    /// Writes a record with an id of its own and waits for its acknowledgement: within the topic's <see cref="TopicOptions.MessageIdWindow"/> an id is written
    /// once.
    /// </summary>
    /// <param name="key">The key; null for none.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="messageId">The record's id; also stored as the header <c>message-id</c>.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    /// <exception cref="InvalidOperationException">The topic has no message id window, or the producer has an identity.</exception>
    public ValueTask<RecordMetadata> SendAsync(TKey key, TValue value, string messageId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messageId);
        return _sender.SendAsync(Topic, new ProducerRecord<TKey, TValue>(key, value) { MessageId = messageId }, cancellationToken);
    }

    /// <summary>Writes a record with headers, timestamp, partition or ids of its own and waits for its acknowledgement.</summary>
    /// <param name="record">The record.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    /// <exception cref="ArgumentOutOfRangeException">The partition does not exist, or the timestamp lies before 1970.</exception>
    /// <exception cref="InvalidTimestampException">The timestamp lies further ahead than the topic allows.</exception>
    public ValueTask<RecordMetadata> SendAsync(ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken = default) =>
        _sender.SendAsync(Topic, record, cancellationToken);

    /// <summary>
    /// Hands a record over and waits only for buffer space. It is sent with its neighbours; <see cref="FlushAsync"/> tells whether that worked.
    /// </summary>
    /// <param name="key">The key; null for none.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    public ValueTask PostAsync(TKey key, TValue value, CancellationToken cancellationToken = default) =>
        _sender.PostAsync(Topic, new ProducerRecord<TKey, TValue>(key, value), scope: null, cancellationToken);

    /// <summary>
    /// Hands a record of the caller's own numbered source over and waits only for buffer space; see
    /// <see cref="SendAsync(TKey, TValue, long, CancellationToken)"/>.
    /// </summary>
    /// <param name="key">The key; null for none.</param>
    /// <param name="value">The value; null for a tombstone.</param>
    /// <param name="sourceSequence">The record's number in its source, not negative; strictly increasing, gaps allowed.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    public ValueTask PostAsync(TKey key, TValue value, long sourceSequence, CancellationToken cancellationToken = default) =>
        _sender.PostAsync(Topic, new ProducerRecord<TKey, TValue>(key, value) { SourceSequence = sourceSequence }, scope: null, cancellationToken);

    /// <summary>Hands a record with headers, timestamp, partition or ids of its own over and waits only for buffer space.</summary>
    /// <param name="record">The record.</param>
    /// <param name="cancellationToken">Honoured until the record has its place in the order.</param>
    public ValueTask PostAsync(ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken = default) =>
        _sender.PostAsync(Topic, record, scope: null, cancellationToken);

    /// <summary>Sends what was posted and waits until everything accepted before this call is acknowledged.</summary>
    /// <param name="cancellationToken">Stops the waiting, not the sending.</param>
    /// <exception cref="BrokerException">A posted record failed since the last flush; this is the first of such failures.</exception>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => _sender.Accumulator.FlushAsync(cancellationToken);

    /// <summary>
    /// The last source sequence that is in the log and durable, null before the first: where to resume. Exact also after a crash. Opening a producer with the
    /// same identity fences this one.
    /// </summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidOperationException">The producer has no identity.</exception>
    public async ValueTask<long?> GetLastSourceSequenceAsync(CancellationToken cancellationToken = default)
    {
        if (Identity is null)
            throw new InvalidOperationException("Only a producer with an identity has a source sequence: build it with WithIdentity(name).");
        cancellationToken.ThrowIfCancellationRequested();
        await _sender.Accumulator.StartAsync(cancellationToken).ConfigureAwait(false);
        var last = _sender.Accumulator.Source!.LastAcknowledged;
        return last < 0 ? null : last;
    }

    /// <summary>Sends what was accepted, waits for it for a bounded time, and closes the producer. Never throws; may be called more than once.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_closeLock)
            _closing ??= CloseAsync();
        return new ValueTask(_closing);
    }

    private async Task CloseAsync()
    {
        await _sender.Accumulator.DisposeAsync().ConfigureAwait(false);
        _broker.Unregister(this);
    }
}
