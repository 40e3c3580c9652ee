using System.Runtime.CompilerServices;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce;

/// <summary>
/// Reads a topic, as an async stream of records or of batches. One loop at a time; everything else may be called from anywhere at any time.
/// <para>
/// Nothing is committed by itself. <see cref="CommitAsync"/> stores how far the loop has come; whoever commits after processing processes a record again
/// when the process dies in between: at least once. For exactly once the offsets go into the transaction that holds the results
/// (<c>Transaction.AddOffsets</c>, or a <see cref="Pipeline"/>, which does it all).
/// </para>
/// </summary>
/// <typeparam name="TKey">The topic's key type.</typeparam>
/// <typeparam name="TValue">The topic's value type.</typeparam>
/// <example><code>
/// await using var consumer = broker.CreateConsumer(Topics.Invoices).InGroup("mailer").Build();
/// await foreach (var invoice in consumer.ReadAllAsync(ct))
/// {
///     await mailer.SendAsync(invoice.Value, ct);
///     await consumer.CommitAsync(ct);
/// }
/// </code></example>
public sealed class Consumer<TKey, TValue> : IAsyncDisposable
{
    private readonly Broker _broker;
    private readonly ConsumerSession _session;
    private readonly ConsumerOptions _options;
    private readonly TypedContents<TKey, TValue> _contents;
    private int _isLooping;

    internal Consumer(Broker broker, Topic<TKey, TValue> topic, ConsumerOptions options)
    {
        Topic = topic;
        _broker = broker;
        _options = options;
        _session = new ConsumerSession(broker.Backend, topic.Name, options, broker.Options.AutoCreateTopics);
        _contents = new TypedContents<TKey, TValue>(topic);
        broker.Register(this);
    }

    /// <summary>The topic read.</summary>
    public Topic<TKey, TValue> Topic { get; }

    /// <summary>The group; null for none.</summary>
    public string? Group => _options.Group;

    /// <summary>The partitions this consumer reads now; empty before it has started.</summary>
    public IReadOnlyList<TopicPartition> Assignment => [.. _session.Partitions.Select(partition => partition.Id)];

    /// <summary>
    /// Reads record by record, for as long as the token and the consumer live. The loop ends when the consumer is disposed. The records may be kept.
    /// </summary>
    /// <param name="cancellationToken">Ends the loop with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InvalidOperationException">Another loop of this consumer is running.</exception>
    /// <exception cref="RecordDeserializationException">The next record cannot be deserialized.</exception>
    /// <exception cref="BrokerException">See <see cref="BrokerException.Recovery"/>.</exception>
    public async IAsyncEnumerable<ConsumerRecord<TKey, TValue>> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        BeginLoop();
        try
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _session.Closing);
            while (await ReadAsync(ending.Token, cancellationToken).ConfigureAwait(false))
            {
                var partition = _contents.Partition!;
                for (var i = 0; i < _contents.Count; i++)
                {
                    // What the loop has been given counts record by record, so that it can be left, or taken away, in the middle.
                    partition.Give(_contents.PositionAfter(i));
                    yield return _contents.DetachRecord(i);
                    cancellationToken.ThrowIfCancellationRequested();
                    if (_session.IsInterrupted(partition))
                        break;
                }
            }
        }
        finally
        {
            EndLoop();
        }
    }

    /// <summary>
    /// Reads batch by batch: consecutive records of one partition, the partitions in turn. The fastest way to read; a batch is valid until the loop asks for
    /// the next one.
    /// </summary>
    /// <param name="cancellationToken">Ends the loop with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InvalidOperationException">Another loop of this consumer is running.</exception>
    /// <exception cref="RecordDeserializationException">The next record cannot be deserialized.</exception>
    /// <exception cref="BrokerException">See <see cref="BrokerException.Recovery"/>.</exception>
    public async IAsyncEnumerable<ConsumerBatch<TKey, TValue>> ReadBatchesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        BeginLoop();
        try
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _session.Closing);
            while (await ReadAsync(ending.Token, cancellationToken).ConfigureAwait(false))
            {
                _contents.Partition!.Give(_contents.NextOffset);
                yield return _contents.Open();
            }
        }
        finally
        {
            EndLoop();
        }
    }

    /// <summary>
    /// Reads record by record what is in the topic now, and ends: the loop sees every deliverable record in front of the end that each partition had when it
    /// began, and ends when nothing deliverable is left in front of it. For reports, tests and rebuilding state; the records may be kept.
    /// </summary>
    /// <param name="cancellationToken">Ends the loop with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="InvalidOperationException">Another loop of this consumer is running.</exception>
    /// <exception cref="RecordDeserializationException">The next record cannot be deserialized.</exception>
    /// <exception cref="BrokerException">See <see cref="BrokerException.Recovery"/>.</exception>
    public async IAsyncEnumerable<ConsumerRecord<TKey, TValue>> ReadToEndAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        BeginLoop();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _session.Closing);
        var ends = new Dictionary<TopicPartition, long>();
        _session.WhenIdle = _ =>
        {
            ending.Cancel();
            return default;
        };
        try
        {
            while (await ReadAsync(ending.Token, cancellationToken).ConfigureAwait(false))
            {
                var partition = _contents.Partition!;
                foreach (var assigned in _session.Partitions)
                    ends.TryAdd(assigned.Id, assigned.Partition.EndOffset(_options.Isolation));
                for (var i = 0; i < _contents.Count && _contents.Slots[i].Offset < ends[partition.Id]; i++)
                {
                    partition.Give(_contents.PositionAfter(i));
                    yield return _contents.DetachRecord(i);
                    cancellationToken.ThrowIfCancellationRequested();
                    if (_session.IsInterrupted(partition))
                        break;
                }
                if (_session.Partitions.All(assigned => assigned.IsPaused || assigned.Position >= ends.GetValueOrDefault(assigned.Id, long.MaxValue)))
                    break;
            }
        }
        finally
        {
            _session.WhenIdle = null;
            EndLoop();
        }
    }

    /// <summary>
    /// Commits where the loop stands in every partition: behind the current record or batch, which the caller has finished when it calls this. A crash between
    /// processing and committing brings the record again (at least once).
    /// </summary>
    /// <param name="cancellationToken">Cancels the wait; the commit may then have happened or not.</param>
    /// <exception cref="InvalidOperationException">The consumer has no group.</exception>
    /// <exception cref="BrokerException">The group has taken a partition away: nothing was committed; recreate the consumer.</exception>
    public ValueTask CommitAsync(CancellationToken cancellationToken = default) => _session.CommitAsync(cancellationToken);

    /// <summary>
    /// The group's committed position in a partition: the next offset to read; null when there is none. Waits while an open transaction holds it.
    /// </summary>
    /// <param name="partition">The partition; it need not be assigned to this consumer.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="InvalidOperationException">The consumer has no group.</exception>
    public async ValueTask<CommittedOffset?> CommittedAsync(TopicPartition partition, CancellationToken cancellationToken = default)
    {
        var group = Group ?? throw new InvalidOperationException("Only a consumer in a group has committed offsets: name the group with InGroup.");
        ThrowIfDisposed();
        cancellationToken.ThrowIfCancellationRequested();
        var committed = await _session.WhileOpenAsync(token => _session.Backend.FetchOffsetsAsync(group, [partition], token), cancellationToken).ConfigureAwait(false);
        return committed.TryGetValue(partition, out var offset) ? offset : null;
    }

    /// <summary>The next offset the loop will be given in a partition (or look at: it may be a marker's).</summary>
    /// <param name="partition">One of this consumer's partitions.</param>
    /// <exception cref="InvalidOperationException">The consumer does not read this partition now.</exception>
    public long Position(TopicPartition partition) => _session.Find(partition).Position;

    /// <summary>Goes on at another offset. Starts the consumer when it has not been started. What is left of the current batch stays valid.</summary>
    /// <param name="partition">One of this consumer's partitions.</param>
    /// <param name="offset">The next offset to read. One that the log does not hold is treated as <see cref="ConsumerOptions.WhenOffsetLost"/> says.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="ArgumentOutOfRangeException">The offset is negative.</exception>
    /// <exception cref="InvalidOperationException">The consumer does not read this partition now.</exception>
    public async ValueTask SeekAsync(TopicPartition partition, long offset, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        cancellationToken.ThrowIfCancellationRequested();
        await _session.StartAsync(cancellationToken).ConfigureAwait(false);
        _session.Find(partition).SeekTo(offset);
        _session.Wake();
    }

    /// <summary>
    /// Goes on, in all of this consumer's partitions, at the first record that is not older than <paramref name="time"/>; at the end where there is none.
    /// </summary>
    /// <param name="time">The time to look for.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    public async ValueTask SeekToTimeAsync(DateTimeOffset time, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await _session.StartAsync(cancellationToken).ConfigureAwait(false);
        // All are announced before the first is looked up, so that a seek that is asked for meanwhile is the later one.
        foreach (var (partition, number) in _session.Partitions.Select(partition => (partition, partition.BeginSeek())).ToList())
            partition.SeekTo(StartFrom.Timestamp(time).Resolve(partition.Partition, _options.Isolation, time), number);
        _session.Wake();
    }

    /// <summary>Goes back to the beginning of a batch, so that the loop is given its records again: what follows an aborted transaction.</summary>
    /// <param name="batch">The current batch.</param>
    /// <exception cref="InvalidOperationException">The batch is over.</exception>
    public void Rewind(ConsumerBatch<TKey, TValue> batch)
    {
        var contents = OwnContents(batch);
        contents.Partition!.SeekTo(batch.FirstOffset);
    }

    /// <summary>Gives the loop nothing of a partition until <see cref="Resume"/>; the membership in the group goes on.</summary>
    /// <param name="partition">One of this consumer's partitions.</param>
    /// <exception cref="InvalidOperationException">The consumer does not read this partition now.</exception>
    public void Pause(TopicPartition partition) => _session.Find(partition).IsPaused = true;

    /// <summary>Ends <see cref="Pause"/>.</summary>
    /// <param name="partition">One of this consumer's partitions.</param>
    /// <exception cref="InvalidOperationException">The consumer does not read this partition now.</exception>
    public void Resume(TopicPartition partition)
    {
        _session.Find(partition).IsPaused = false;
        _session.Wake();
    }

    /// <summary>
    /// How many records the loop would still be given, in all of this consumer's partitions: markers and aborted records do not count, so that it is zero
    /// exactly when there is nothing left. Starts the consumer when it has not been started.
    /// </summary>
    /// <param name="cancellationToken">Cancels the start.</param>
    public async ValueTask<long> GetLagAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await _session.StartAsync(cancellationToken).ConfigureAwait(false);
        var lag = 0L;
        foreach (var partition in _session.Partitions)
            lag += partition.Partition.CountDeliverable(partition.Position, _options.Isolation);
        return lag;
    }

    /// <summary>How many records of one partition the loop would still be given.</summary>
    /// <param name="partition">One of this consumer's partitions.</param>
    /// <exception cref="InvalidOperationException">The consumer does not read this partition now.</exception>
    public long GetLag(TopicPartition partition)
    {
        var read = _session.Find(partition);
        return read.Partition.CountDeliverable(read.Position, _options.Isolation);
    }

    /// <summary>The end of what this consumer may see of a partition: under read_committed the last stable offset.</summary>
    /// <param name="partition">Any partition of the topic.</param>
    /// <exception cref="BrokerException">There is no such partition.</exception>
    /// <exception cref="ObjectDisposedException">The consumer is disposed.</exception>
    public long GetEndOffset(TopicPartition partition)
    {
        ThrowIfDisposed();
        return _session.Backend.GetPartition(partition).EndOffset(_options.Isolation);
    }

    /// <summary>The oldest offset kept of a partition.</summary>
    /// <param name="partition">Any partition of the topic.</param>
    /// <exception cref="BrokerException">There is no such partition.</exception>
    /// <exception cref="ObjectDisposedException">The consumer is disposed.</exception>
    public long GetStartOffset(TopicPartition partition)
    {
        ThrowIfDisposed();
        return _session.Backend.GetPartition(partition).ReadableFrom;
    }

    /// <summary>Ends the loop, leaves the group and lets go of everything. The current batch becomes void.</summary>
    public async ValueTask DisposeAsync()
    {
        // First, because the memory that a batch's bytes and headers lie in goes back with the session's readers.
        _contents.BecomeVoid();
        await _session.DisposeAsync().ConfigureAwait(false);
        if (Interlocked.CompareExchange(ref _isLooping, 1, 0) == 0)
            _contents.Invalidate();
        _broker.Unregister(this);
    }

    /// <summary>What a transaction commits to say that <paramref name="processed"/> is done.</summary>
    /// <exception cref="InvalidOperationException">The batch is over, or the consumer has no group.</exception>
    /// <exception cref="ArgumentException">The batch is not of this consumer.</exception>
    internal TransactionOffsets OffsetsOf(ConsumerBatch<TKey, TValue> processed)
    {
        var group = Group ?? throw new InvalidOperationException("Only a consumer in a group has offsets to commit: name the group with InGroup.");
        var contents = OwnContents(processed);
        var offsets = new Dictionary<TopicPartition, CommittedOffset>(1)
        {
            [processed.TopicPartition] = new CommittedOffset(contents.NextOffset),
        };
        return new TransactionOffsets(group, _session.Membership, offsets);
    }

    private TypedContents<TKey, TValue> OwnContents(ConsumerBatch<TKey, TValue> batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var contents = batch.Current();
        return ReferenceEquals(contents, _contents) ? contents : throw new ArgumentException("The batch was read by another consumer.", nameof(batch));
    }

    // False when the consumer was disposed.
    private ValueTask<bool> ReadAsync(CancellationToken ending, CancellationToken cancellationToken)
    {
        var reading = _session.ReadAsync(_contents, ending);
        return reading.IsCompletedSuccessfully ? reading : WaitAsync(reading, ending, cancellationToken);
    }

    // A cancelled caller gets its own token back and not the linked one.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<bool> WaitAsync(ValueTask<bool> reading, CancellationToken ending, CancellationToken cancellationToken)
    {
        try
        {
            return await reading.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return false;
        }
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_session.IsClosing, this);

    private void BeginLoop()
    {
        ThrowIfDisposed();
        if (Interlocked.Exchange(ref _isLooping, 1) == 1)
            throw new InvalidOperationException("A loop of this consumer is running already; a consumer has one position and so one loop. Create a consumer for each.");
    }

    private void EndLoop()
    {
        _contents.Invalidate();
        Volatile.Write(ref _isLooping, 0);
    }
}
