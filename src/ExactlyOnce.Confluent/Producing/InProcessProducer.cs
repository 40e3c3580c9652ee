using System.Diagnostics;
using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce.Confluent.Producing;

using global::Confluent.Kafka;

/// <summary>Confluent.Kafka's producer over a broker in process. Thread-safe. Exceptions are the real client's, with its codes.</summary>
internal sealed partial class InProcessProducer<TKey, TValue> : InProcessClient, IProducer<TKey, TValue>
{
    private readonly RecordAppender _appender;
    private readonly FieldWriter<TKey> _keys;
    private readonly FieldWriter<TValue> _values;
    private readonly PartitionChoice _partitions;
    private readonly Action<IProducer<TKey, TValue>, Error>? _errorHandler;
    private readonly DeliveryReports _reports;
    private readonly int _messageBytesMax;
    private volatile bool _isDisposed;

    public InProcessProducer(
        Broker broker, ClientSettings settings, FieldWriter<TKey> keys, FieldWriter<TValue> values, PartitionChoice partitions, Action<IProducer<TKey, TValue>, Error>? errorHandler)
        : base(settings.Name)
    {
        _appender = new RecordAppender(broker);
        _keys = keys;
        _values = values;
        _partitions = partitions;
        _errorHandler = errorHandler;
        _reports = new DeliveryReports(
            settings.Flag("dotnet.producer.enable.background.poll", otherwise: true),
            failure => errorHandler?.Invoke(this, new Error(ErrorCode.Local_Application, failure.ToString())));
        _messageBytesMax = settings.Number("message.max.bytes", otherwise: 1_000_000);
        _transactionalId = settings.Text("transactional.id");
        _transactionTimeout = TimeSpan.FromMilliseconds(settings.Number("transaction.timeout.ms", otherwise: 60_000));
    }

    public Task<DeliveryResult<TKey, TValue>> ProduceAsync(string topic, Message<TKey, TValue> message, CancellationToken cancellationToken = default) =>
        ProduceAsync(new TopicPartition(topic, Partition.Any), message, cancellationToken);

    public async Task<DeliveryResult<TKey, TValue>> ProduceAsync(TopicPartition topicPartition, Message<TKey, TValue> message, CancellationToken cancellationToken = default)
    {
        Check(topicPartition, message);
        cancellationToken.ThrowIfCancellationRequested();
        var headers = message.Headers ?? [];
        var topic = topicPartition.Topic;
        var key = await WriteAsync(() => _keys.WriteAsync(message.Key, topic, headers), topicPartition, message, ErrorCode.Local_KeySerialization).ConfigureAwait(false);
        var value = await WriteAsync(() => _values.WriteAsync(message.Value, topic, headers), topicPartition, message, ErrorCode.Local_ValueSerialization).ConfigureAwait(false);
        var sent = Send(topicPartition, message, key, value);
        var report = ToReport(sent, await sent.Outcome.ConfigureAwait(false), message);
        return report.Error.IsError ? throw new ProduceException<TKey, TValue>(report.Error, report) : report;
    }

    public void Produce(string topic, Message<TKey, TValue> message, Action<DeliveryReport<TKey, TValue>>? deliveryHandler = null) =>
        Produce(new TopicPartition(topic, Partition.Any), message, deliveryHandler);

    public void Produce(TopicPartition topicPartition, Message<TKey, TValue> message, Action<DeliveryReport<TKey, TValue>>? deliveryHandler = null)
    {
        Check(topicPartition, message);
        var headers = message.Headers ?? [];
        var key = Write(() => _keys.Write(message.Key, topicPartition.Topic, headers), topicPartition, message, ErrorCode.Local_KeySerialization);
        var value = Write(() => _values.Write(message.Value, topicPartition.Topic, headers), topicPartition, message, ErrorCode.Local_ValueSerialization);
        var sent = Send(topicPartition, message, key, value);
        if (deliveryHandler is not null)
            _reports.Add(sent.Outcome, () => deliveryHandler(ToReport(sent, sent.Outcome.Result, message)));
    }

    public int Poll(TimeSpan timeout)
    {
        ThrowIfDisposed();
        return _reports.CallAsync(timeout).GetAwaiter().GetResult();
    }

    public int Flush(TimeSpan timeout)
    {
        ThrowIfDisposed();
        var begin = Stopwatch.GetTimestamp();
        while (_appender.PendingCount + _reports.Count > 0 && Stopwatch.GetElapsedTime(begin) is var elapsed && (timeout < TimeSpan.Zero || elapsed < timeout))
            if (_reports.CallAsync(TimeSpan.FromMilliseconds(1)).GetAwaiter().GetResult() == 0)
                Thread.Sleep(1);
        return _appender.PendingCount + _reports.Count;
    }

    public void Flush(CancellationToken cancellationToken = default)
    {
        while (Flush(TimeSpan.FromMilliseconds(50)) > 0)
            cancellationToken.ThrowIfCancellationRequested();
    }

    public override void Dispose()
    {
        if (_isDisposed)
            return;
        // As the real client: what is open is left to the broker, which aborts it when its time is over or its id is taken; what was produced is in the log.
        _isDisposed = true;
    }

    private void Check(TopicPartition topicPartition, Message<TKey, TValue> message)
    {
        ThrowIfDisposed();
        ArgumentNullException.ThrowIfNull(topicPartition);
        ArgumentNullException.ThrowIfNull(message);
        if (RefusalNow() is { } refusal)
            throw new ProduceException<TKey, TValue>(refusal, Unsent(topicPartition, message));
    }

    private Sent Send(TopicPartition topicPartition, Message<TKey, TValue> message, byte[]? key, byte[]? value)
    {
        if ((key?.Length ?? 0) + (long)(value?.Length ?? 0) > _messageBytesMax)
            throw new ProduceException<TKey, TValue>(
                new Error(ErrorCode.MsgSizeTooLarge, $"The message is larger than message.max.bytes, {_messageBytesMax}."), Unsent(topicPartition, message));
        var timestampMs = message.Timestamp.Type == TimestampType.NotAvailable
            ? _appender.Backend.Time.GetUtcNow().ToUnixTimeMilliseconds()
            : message.Timestamp.UnixTimestampMs;
        var id = topicPartition.ToBroker();
        try
        {
            var count = _appender.PartitionsOf(id.Topic);
            if (topicPartition.Partition == Partition.Any)
                id = id with { Partition = _partitions.Choose(id.Topic, count, key) };
            if ((uint)id.Partition >= (uint)count)
                throw new ProduceException<TKey, TValue>(
                    new Error(ErrorCode.Local_UnknownPartition, $"There is no partition {id.Partition} of '{id.Topic}'; it has {count}."), Unsent(topicPartition, message));
            var append = _appender.Append(id, key, value, ToBroker(message.Headers), timestampMs, IsTransactional);
            NoteFailure(append);
            return new Sent(id, append.Completion, timestampMs);
        }
        catch (BrokerException exception)
        {
            // What the broker refuses is told by the report, as with the real client, which has not asked the broker when Produce returns.
            FailTransaction(BrokerErrors.ToError(exception));
            return new Sent(id, Task.FromResult(new AppendOutcome { Error = exception.Code, Exception = exception }), timestampMs);
        }
    }

    // Known before the commit looks: the sends of a transaction are all answered by then.
    private void NoteFailure(PendingAppend append)
    {
        if (append.Completion.IsCompleted)
            Note(append.Completion.Result);
        else
            _ = append.Completion.ContinueWith(done => Note(done.Result), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        void Note(in AppendOutcome outcome)
        {
            if (outcome.Error == ExactlyOnce.ErrorCode.None)
                return;
            var error = ToError(outcome);
            FailTransaction(error);
            if (error.IsFatal)
                _errorHandler?.Invoke(this, error);
        }
    }

    private static DeliveryReport<TKey, TValue> ToReport(in Sent sent, in AppendOutcome outcome, Message<TKey, TValue> message)
    {
        var isStored = outcome.Error == ExactlyOnce.ErrorCode.None;
        message.Timestamp = outcome.LogAppendTimeMs > 0
            ? new Timestamp(outcome.LogAppendTimeMs, TimestampType.LogAppendTime)
            : new Timestamp(sent.TimestampMs, TimestampType.CreateTime);
        return new DeliveryReport<TKey, TValue>
        {
            Message = message,
            Status = isStored ? PersistenceStatus.Persisted : PersistenceStatus.NotPersisted,
            TopicPartitionOffsetError = new TopicPartitionOffsetError(
                sent.Partition.ToClient(), isStored ? outcome.BaseOffset : Offset.Unset, isStored ? new Error(ErrorCode.NoError) : ToError(outcome), leaderEpoch: null),
        };
    }

    private static Error ToError(in AppendOutcome outcome) =>
        outcome.Exception is { } exception ? BrokerErrors.ToError(exception) : new Error((ErrorCode)(int)outcome.Error);

    private static DeliveryResult<TKey, TValue> Unsent(TopicPartition topicPartition, Message<TKey, TValue> message) => new()
    {
        Message = message,
        Status = PersistenceStatus.NotPersisted,
        TopicPartitionOffset = new TopicPartitionOffset(topicPartition, Offset.Unset),
    };

    private static RecordHeaders ToBroker(Headers? headers) =>
        headers is null or { Count: 0 } ? RecordHeaders.Empty : RecordHeaders.Create([.. headers.Select(header => new RecordHeader(header.Key, header.GetValueBytes()))]);

    private static byte[]? Write(Func<byte[]?> write, TopicPartition topicPartition, Message<TKey, TValue> message, ErrorCode code)
    {
        try
        {
            return write();
        }
        catch (Exception exception) when (exception is not InvalidOperationException)
        {
            throw new ProduceException<TKey, TValue>(new Error(code), Unsent(topicPartition, message), exception);
        }
    }

    private static async ValueTask<byte[]?> WriteAsync(Func<ValueTask<byte[]?>> write, TopicPartition topicPartition, Message<TKey, TValue> message, ErrorCode code)
    {
        try
        {
            return await write().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            throw new ProduceException<TKey, TValue>(new Error(code), Unsent(topicPartition, message), exception);
        }
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_isDisposed, typeof(IProducer<TKey, TValue>));

    /// <summary>A record that is in the log or on its way there.</summary>
    private readonly record struct Sent(ExactlyOnce.TopicPartition Partition, Task<AppendOutcome> Outcome, long TimestampMs);
}
