using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients.Consuming;

/// <summary>The loop behind a <see cref="Subscription"/>, whatever its types. The broker closes it when its owner forgot to.</summary>
internal abstract class Delivery : IAsyncDisposable
{
    // True in the flow of a handler's call, and in whatever that call awaits.
    private readonly AsyncLocal<bool> _isInHandler = new();

    /// <summary>The loop, as its end is told to the subscription's owner.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    public bool IsInHandler
    {
        get => _isInHandler.Value;
        protected set => _isInHandler.Value = value;
    }

    public void Start() => Completion = RunAsync();

    /// <summary>Delivers what was published before this call and stops. How the loop ended is told by <see cref="Completion"/> and not here.</summary>
    public async ValueTask DisposeAsync()
    {
        await DrainAsync().ConfigureAwait(false);
        // A handler that disposes of its own subscription would wait for itself.
        if (!IsInHandler)
            await Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Delivers until <see cref="DrainAsync"/> and its end.</summary>
    protected abstract Task RunAsync();

    /// <summary>Fixes the end: what is published from now on is not delivered any more.</summary>
    protected abstract ValueTask DrainAsync();
}

/// <summary>Reads a topic and calls a handler for every record. Owned by its subscription.</summary>
internal sealed class Delivery<TKey, TValue> : Delivery
{
    private readonly BrokerBackend _backend;
    private readonly Topic<TKey, TValue> _topic;
    private readonly SubscriptionOptions _options;
    private readonly Func<ConsumerRecord<TKey, TValue>, ValueTask> _handler;
    private readonly ConsumerSession _session;
    private readonly TypedContents<TKey, TValue> _contents;
    private readonly CancellationTokenSource _drained = new();
    private readonly ILogger _logger;
    private readonly ValueTask _start;
    private Dictionary<TopicPartition, long>? _ends;

    public Delivery(
        BrokerBackend backend,
        Topic<TKey, TValue> topic,
        bool mayCreateTopic,
        SubscriptionOptions options,
        Func<ConsumerRecord<TKey, TValue>, ValueTask> handler)
    {
        _backend = backend;
        _topic = topic;
        _options = options;
        _handler = handler;
        _logger = backend.LoggerFactory.CreateLogger("ExactlyOnce.Subscription");
        _contents = new TypedContents<TKey, TValue>(topic);
        // What a topic holds that did not exist a moment ago was published after we came: none of it may be left out.
        var startFrom = backend.TryGetTopic(topic.Name) is null ? StartFrom.Earliest : options.StartFrom;
        var consumer = new ConsumerOptions { StartFrom = startFrom, Isolation = options.Isolation };
        _session = new ConsumerSession(backend, topic.Name, consumer, mayCreateTopic) { WhenIdle = EndIfDrainedAsync };
        // Completes at once when the topic exists: the position is taken before the caller goes on.
        _start = _session.StartAsync(CancellationToken.None).Preserve();
    }

    protected override async Task RunAsync()
    {
        await new SchedulerHop(_backend.Completions);
        try
        {
            await _start.ConfigureAwait(false);
            while (!IsDrained() && await _session.ReadAsync(_contents, _drained.Token).ConfigureAwait(false))
                await DeliverAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_drained.IsCancellationRequested)
        {
            // Everything that was published in time has been delivered.
        }
        catch (BrokerException exception) when (exception.Code == ErrorCode.BrokerClosed)
        {
            // Nothing more can come.
        }
        catch (Exception exception)
        {
            ConsumerLog.SubscriptionStopped(_logger, exception, _topic.Name);
            throw;
        }
        finally
        {
            await _session.DisposeAsync().ConfigureAwait(false);
            _contents.Invalidate();
        }
    }

    protected override async ValueTask DrainAsync()
    {
        try
        {
            await _start.ConfigureAwait(false);
            if (Volatile.Read(ref _ends) is not null)
                return;
            Volatile.Write(ref _ends, FindEnds());
            _session.Wake();
        }
        catch (BrokerException)
        {
            // There is no topic to drain; how the loop ended is told by its completion.
            CancelDrained();
        }
    }

    private Dictionary<TopicPartition, long> FindEnds()
    {
        var ends = new Dictionary<TopicPartition, long>();
        var partitions = _backend.TryGetTopic(_topic.Name)?.Partitions ?? 0;
        for (var index = 0; index < partitions; index++)
        {
            var id = new TopicPartition(_topic.Name, index);
            ends.Add(id, _backend.GetPartition(id).EndOffset(_options.Isolation));
        }
        return ends;
    }

    private ValueTask EndIfDrainedAsync(CancellationToken cancellationToken)
    {
        if (IsDrained())
            CancelDrained();
        return default;
    }

    private void CancelDrained() => _drained.Cancel();

    // A partition that was added and written to before the end was fixed, and that the session has not seen yet, still counts.
    private bool IsDrained()
    {
        if (Volatile.Read(ref _ends) is not { } ends)
            return false;
        foreach (var (id, end) in ends)
            if (end > 0 && !_session.Partitions.Any(partition => partition.Id == id && partition.Position >= end))
                return false;
        return true;
    }

    private async ValueTask DeliverAsync()
    {
        var partition = _contents.Partition!;
        for (var i = 0; i < _contents.Count; i++)
        {
            var record = _contents.DetachRecord(i);
            if (Volatile.Read(ref _ends) is not { } ends || (ends.TryGetValue(partition.Id, out var end) && record.Offset < end))
                await DeliverAsync(record).ConfigureAwait(false);
            partition.Give(_contents.PositionAfter(i));
        }
    }

    private async ValueTask DeliverAsync(ConsumerRecord<TKey, TValue> record)
    {
        IsInHandler = true;
        try
        {
            await CallAsync(record).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            var failure = new HandlerFailedException(
                $"The handler of a subscription failed on {record}: {exception.Message}", record.TopicPartition, record.Offset, 1, exception);
            if (_options.OnError is null)
                throw failure;
            _options.OnError(failure);
        }
        finally
        {
            IsInHandler = false;
        }
    }

    private async ValueTask CallAsync(ConsumerRecord<TKey, TValue> record)
    {
        _backend.EnterHandler(client: null, record.TopicPartition);
        var isSuccess = false;
        try
        {
            await _handler(record).ConfigureAwait(false);
            isSuccess = true;
        }
        finally
        {
            if (_backend.BehindHandler is { } scheduler)
                await new SchedulerHop(scheduler);
            _backend.LeaveHandler(client: null, record.TopicPartition, isSuccess);
        }
    }
}
