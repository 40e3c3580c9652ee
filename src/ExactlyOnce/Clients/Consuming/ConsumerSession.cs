using System.Runtime.CompilerServices;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Diagnostics;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients.Consuming;

/// <summary>
/// What a consumer is to the broker: its membership, its partitions and where it stands in each. Knows bytes and offsets, not types.
/// The loop reads in its <see cref="Turn"/>; what may be asked or ordered from anywhere (position, seek, pause, commit) goes through the published array of
/// partitions and is carried out by the loop before its next read. No thread and no timer of its own: an idle session is a registered <see cref="ReadSignal"/>.
/// Exceptions: those of the backend, as they are.
/// </summary>
internal sealed class ConsumerSession : IAsyncDisposable
{
    private readonly BrokerBackend _backend;
    private readonly string _topic;
    private readonly bool _mayCreateTopic;
    private readonly ConsumerOptions _options;
    private readonly ILogger _logger;
    private readonly ReadSignal _signal;
    private readonly Turn _turn;
    private readonly BatchFilling _filling;
    private readonly PartitionRotation _rotation;
    private readonly CancellationTokenSource _closing = new();

    private ConsumedPartition[] _partitions = [];
    private GroupSession? _membership;
    private Guid _topicId;
    private bool _isStarted;
    private volatile bool _isClosing;
    private bool _isClosed;
    private bool _isSettled;

    /// <param name="backend">The broker.</param>
    /// <param name="topic">The topic to read.</param>
    /// <param name="options">Validated, and not changed by anybody else.</param>
    /// <param name="mayCreateTopic">Whether the topic is created when it does not exist.</param>
    public ConsumerSession(BrokerBackend backend, string topic, ConsumerOptions options, bool mayCreateTopic)
    {
        _backend = backend;
        _topic = topic;
        _options = options;
        _mayCreateTopic = mayCreateTopic;
        _logger = backend.LoggerFactory.CreateLogger("ExactlyOnce.Consumer");
        _signal = new ReadSignal(backend.Completions);
        _turn = new Turn(backend.Completions);
        _filling = new BatchFilling(options, backend.Time, _signal);
        _rotation = new PartitionRotation(options, _filling, _logger);
        Closing = _closing.Token;
    }

    /// <summary>Cancelled when the session is being closed.</summary>
    public CancellationToken Closing { get; }

    public bool IsClosing => _isClosing;

    public BrokerBackend Backend => _backend;

    /// <summary>The partitions read now. Replaced, never changed.</summary>
    public IReadOnlyList<ConsumedPartition> Partitions => Volatile.Read(ref _partitions);

    /// <summary>The membership in the group; null before the start and for consumers that choose their partitions.</summary>
    public GroupSession? Membership => _membership;

    /// <summary>Called with the turn held, whenever nothing is left to read and before the session waits.</summary>
    public Func<CancellationToken, ValueTask>? WhenIdle { get; set; }

    /// <summary>Called with the turn held for every partition that comes in, when its committed offset is not the group's to know; null for none.</summary>
    public Func<TopicPartition, CancellationToken, ValueTask<long?>>? FindPosition { get; init; }

    /// <summary>
    /// Called with the turn held for every partition that has no committed offset and does not begin at the earliest: makes the beginning stick, so that what
    /// arrives between a start without success and the next one is not passed over.
    /// </summary>
    public Func<TopicPartition, long, CancellationToken, ValueTask>? StoreStart { get; init; }

    /// <summary>True when the loop should come back before it goes on in a batch that it is given record by record.</summary>
    public bool IsInterrupted(ConsumedPartition partition) =>
        partition.IsInterrupted || _isClosing || _membership is { IsChangePending: true };

    /// <summary>Joins the group and opens the partitions, if that has not been done.</summary>
    /// <exception cref="ObjectDisposedException">The session is closed.</exception>
    public async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _isStarted))
        {
            ObjectDisposedException.ThrowIf(_isClosing, typeof(Consumer<,>));
            return;
        }
        // A start waits for whatever holds the committed offsets, for as long as a prepared transaction is not decided.
        await WhileOpenAsync(StartInOwnTurnAsync, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Does something that may wait for long, and does not wait longer than the session is open.</summary>
    /// <exception cref="ObjectDisposedException">The session is being closed.</exception>
    public async ValueTask<T> WhileOpenAsync<T>(Func<CancellationToken, ValueTask<T>> work, CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Closing);
        try
        {
            return await work(ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new ObjectDisposedException(typeof(Consumer<,>).FullName);
        }
    }

    /// <summary>
    /// Waits for something to give and fills <paramref name="contents"/> with it; what they held before is void from here on. False when the session is closed.
    /// </summary>
    /// <param name="contents">Receives the records.</param>
    /// <param name="cancellationToken">Ends the wait; includes <see cref="Closing"/>.</param>
    public ValueTask<bool> ReadAsync(BatchContents contents, CancellationToken cancellationToken)
    {
        contents.Invalidate();
        return TryReadNow(contents, cancellationToken) ? new ValueTask<bool>(true) : WaitAndReadAsync(contents, cancellationToken);
    }

    /// <summary>Finds a partition that this session reads now.</summary>
    /// <exception cref="InvalidOperationException">It does not.</exception>
    public ConsumedPartition Find(TopicPartition partition)
    {
        foreach (var candidate in Partitions)
            if (candidate.Id == partition)
                return candidate;
        throw new InvalidOperationException($"This consumer does not read {partition} (now).");
    }

    /// <summary>Makes a waiting loop look again.</summary>
    public void Wake() => _signal.Set();

    /// <summary>Commits where the loop stands in every partition.</summary>
    /// <exception cref="InvalidOperationException">There is no group.</exception>
    public async ValueTask CommitAsync(CancellationToken cancellationToken)
    {
        var group = _options.Group ?? throw new InvalidOperationException("Only a consumer in a group can commit: name the group with InGroup.");
        await StartAsync(cancellationToken).ConfigureAwait(false);
        var moved = new Dictionary<TopicPartition, CommittedOffset>();
        var partitions = Partitions;
        // Closing takes the partitions away: nothing to commit would then look like nothing new to commit.
        ObjectDisposedException.ThrowIf(_isClosing, typeof(Consumer<,>));
        foreach (var partition in partitions)
            if (partition.Committed != partition.Position)
                moved.Add(partition.Id, new CommittedOffset(partition.Position));
        if (moved.Count == 0)
            return;
        if (_membership is not null)
            await _membership.CommitAsync(moved, cancellationToken).ConfigureAwait(false);
        else
            await _backend.CommitOffsetsAsync(group, moved, cancellationToken).ConfigureAwait(false);
        foreach (var partition in partitions)
            if (moved.TryGetValue(partition.Id, out var committed))
                partition.Committed = committed.Offset;
    }

    /// <summary>Ends a waiting loop, leaves the group and closes the readers. The batch a loop is at becomes void.</summary>
    public async ValueTask DisposeAsync()
    {
        _isClosing = true;
        // On the scheduler, because a loop that ends runs on into the caller's code.
        _backend.Completions.Schedule(static state => ((CancellationTokenSource)state!).Cancel(), _closing);
        await _turn.EnterAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            if (_isClosed)
                return;
            _isClosed = true;
            var partitions = _partitions;
            Volatile.Write(ref _partitions, []);
            foreach (var partition in partitions)
                partition.Dispose();
            await _filling.DisposeAsync().ConfigureAwait(false);
            if (_membership is not null)
                await _membership.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _turn.Exit();
        }
    }

    /// <summary>
    /// Gives what is there already, without any of the machinery of waiting. False when there is nothing, or when something has to be done first.
    /// </summary>
    private bool TryReadNow(BatchContents contents, CancellationToken cancellationToken)
    {
        if (!_isStarted || cancellationToken.IsCancellationRequested || !_turn.TryEnter())
            return false;
        try
        {
            return !_isClosing && IsReconciled && TryRead(contents);
        }
        finally
        {
            _turn.Exit();
        }
    }

    /// <summary>Whenever the loop waits, the state of this call goes to the heap: from a pool, so that a batch costs no object.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> WaitAndReadAsync(BatchContents contents, CancellationToken cancellationToken)
    {
        if (_isClosing)
            return false;
        await _turn.EnterAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_isClosing)
                return false;
            await StartInTurnAsync(cancellationToken).ConfigureAwait(false);
            while (true)
            {
                if (!IsReconciled)
                    await ReconcileAsync(cancellationToken).ConfigureAwait(false);
                if (TryRead(contents))
                    return true;
                ThrowIfDeleted();
                if (WhenIdle is not null)
                    await WhenIdle(cancellationToken).ConfigureAwait(false);
                if (TryRegister())
                    await _signal.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _turn.Exit();
        }
    }

    private bool TryRead(BatchContents contents)
    {
        if (!_rotation.TryRead(_partitions, contents))
            return false;
        ProcessMeter.RecordConsumed(_topic, _options.Group, contents.Count);
        return true;
    }

    private async ValueTask<bool> StartInOwnTurnAsync(CancellationToken cancellationToken)
    {
        await _turn.EnterAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_isClosing, typeof(Consumer<,>));
            await StartInTurnAsync(cancellationToken).ConfigureAwait(false);
            return true;
        }
        finally
        {
            _turn.Exit();
        }
    }

    private async ValueTask StartInTurnAsync(CancellationToken cancellationToken)
    {
        if (_isStarted)
            return;
        var topic = await TopicResolution.ResolveAsync(_backend, _topic, _mayCreateTopic, cancellationToken).ConfigureAwait(false);
        _topicId = topic.Id;
        if (_options.Group is { } group && _options.Partitions is null)
            await JoinAsync(group, cancellationToken).ConfigureAwait(false);
        else
            await OpenOwnAsync(topic, cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _isStarted, true);
        ConsumerLog.Started(_logger, _topic, _partitions.Length);
    }

    private async ValueTask JoinAsync(string group, CancellationToken cancellationToken)
    {
        if (_membership is null)
        {
            _membership = await _backend.JoinGroupAsync(
                new GroupJoinRequest
                {
                    Group = group,
                    InstanceId = _options.InstanceId,
                    Topics = [_topic],
                    Assignor = _options.Assignor,
                    RebalanceTimeout = _options.RebalanceTimeout,
                },
                cancellationToken).ConfigureAwait(false);
            _membership.Attach(_signal);
        }
        await ReconcileAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask OpenOwnAsync(TopicDescription topic, CancellationToken cancellationToken)
    {
        var ids = new List<TopicPartition>();
        foreach (var index in _options.Partitions ?? [.. Enumerable.Range(0, topic.Partitions)])
        {
            if (index >= topic.Partitions)
                throw new UnknownTopicException($"There is no partition {index} of '{_topic}'; it has {topic.Partitions}.");
            ids.Add(new TopicPartition(_topic, index));
        }
        await AddAsync(ids, _options.StartFrom, cancellationToken).ConfigureAwait(false);
    }

    // A change that was reconciled but not carried out to its end (cancelled while the offsets were fetched) is taken up again.
    private bool IsReconciled => _membership is not { } membership || (_isSettled && !membership.IsChangePending);

    private async ValueTask ReconcileAsync(CancellationToken cancellationToken)
    {
        if (IsReconciled)
            return;
        _isSettled = false;
        var assignment = await _membership!.ReconcileAsync(cancellationToken).ConfigureAwait(false);
        GiveUpAllBut(assignment.Partitions);
        var gained = assignment.Partitions.Where(id => !Partitions.Any(partition => partition.Id == id)).ToList();
        await AddAsync(gained, _options.StartFrom, cancellationToken).ConfigureAwait(false);
        _isSettled = true;
    }

    // Whoever chose his partitions is told by his readers. A group shares out what there is, and of a topic that was deleted there is nothing: its members
    // would wait for ever.
    private void ThrowIfDeleted()
    {
        if (_membership is not null && _partitions.Length == 0 && _backend.TryGetTopic(_topic)?.Id != _topicId)
            throw new UnknownTopicException($"The topic '{_topic}' was deleted. One that is made again under its name is another one, for another consumer.");
    }

    private void GiveUpAllBut(IReadOnlyList<TopicPartition> kept)
    {
        var lost = Partitions.Where(partition => !kept.Contains(partition.Id)).ToList();
        if (lost.Count == 0)
            return;
        Volatile.Write(ref _partitions, [.. _partitions.Except(lost)]);
        foreach (var partition in lost)
        {
            ConsumerLog.PartitionGivenUp(_logger, _membership!.MemberId, _membership.Group, partition.Id, partition.Position);
            partition.Dispose();
        }
    }

    private async ValueTask AddAsync(List<TopicPartition> ids, StartFrom startFrom, CancellationToken cancellationToken)
    {
        if (ids.Count == 0)
            return;
        IReadOnlyDictionary<TopicPartition, CommittedOffset>? committed = null;
        if (_options.Group is { } group && FindPosition is null)
            committed = await _backend.FetchOffsetsAsync(group, ids, cancellationToken).ConfigureAwait(false);
        foreach (var id in ids)
        {
            if (_partitions.Any(partition => partition.Id == id))
                continue;
            long? known = null;
            if (FindPosition is not null)
                known = await FindPosition(id, cancellationToken).ConfigureAwait(false);
            else if (committed is not null && committed.TryGetValue(id, out var found))
                known = found.Offset;
            var offset = known ?? startFrom.Resolve(_backend.GetPartition(id), _options.Isolation, _backend.Time.GetUtcNow());
            if (known is null && StoreStart is not null && startFrom != StartFrom.Earliest)
            {
                await StoreStart(id, offset, cancellationToken).ConfigureAwait(false);
                known = offset;
            }
            Add(id, offset, known);
        }
    }

    private void Add(TopicPartition id, long offset, long? committed)
    {
        var added = new ConsumedPartition(_backend, _backend.GetPartition(id), offset, _options.Isolation) { Committed = committed };
        Volatile.Write(ref _partitions, [.. _partitions, added]);
        if (_membership is not null)
            ConsumerLog.PartitionGained(_logger, _membership.MemberId, _membership.Group, id, offset);
    }

    // False when there is no need to wait: something has arrived meanwhile.
    private bool TryRegister()
    {
        if (_options.Group is null && _options.Partitions is null && TryDiscover())
            return false;
        if (_membership is { IsChangePending: true })
            return false;
        long? wakeAt = null;
        foreach (var partition in _partitions)
        {
            if (partition.IsPaused)
                continue;
            if (partition.FillsUpUntil is { } until)
                wakeAt = Math.Min(until, wakeAt ?? long.MaxValue);
            else if (!partition.Reader.TryWait(_signal))
                return false;
        }
        if (wakeAt is { } at)
            _filling.WakeAt(at);
        return true;
    }

    // What stands in a partition that was added while we read was written after we began: none of it may be left out.
    private bool TryDiscover()
    {
        // The partitions' own configuration first: a description of the topic is an object, and this is asked before every wait.
        if (_partitions.Length > 0 && _partitions[0].Partition.TopicOptions.Partitions <= _partitions.Length)
            return false;
        if (_backend.TryGetTopic(_topic) is not { } topic || topic.Partitions <= _partitions.Length)
            return false;
        for (var index = _partitions.Length; index < topic.Partitions; index++)
        {
            var id = new TopicPartition(_topic, index);
            Add(id, _backend.GetPartition(id).ReadableFrom, committed: null);
        }
        return true;
    }
}
