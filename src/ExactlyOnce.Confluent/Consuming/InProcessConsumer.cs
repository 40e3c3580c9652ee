using System.Diagnostics;
using System.IO.Pipelines;
using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Confluent.Consuming;

using global::Confluent.Kafka;

/// <summary>
/// Confluent.Kafka's consumer over a broker in process: blocking calls, rebalance handlers on the thread that consumes, offsets stored and committed by itself.
/// Its calls take their turns, as the real one's; a handler may call back into it. Exceptions are the real client's, with its codes.
/// </summary>
internal sealed partial class InProcessConsumer<TKey, TValue> : InProcessClient, IConsumer<TKey, TValue>
{
    private static readonly TimeSpan s_lookForTopics = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_callTimeout = TimeSpan.FromMinutes(1);

    private readonly Broker _broker;
    private readonly ConsumerSettings _settings;
    private readonly FieldReader<TKey> _keys;
    private readonly FieldReader<TValue> _values;
    private readonly RebalanceHandlers<TKey, TValue> _handlers;
    private readonly GroupMembership _membership;
    private readonly ReadSignal _signal = new(PipeScheduler.Inline);
    private readonly BatchDecompressor _decompressor;
    private readonly Lock _lock = new();
    private readonly List<OwnPartition> _partitions = [];
    private Task? _signalled;
    private long _committedAt;
    private int _turn;
    private List<string> _toldMissing = [];
    private bool _isClosed;
    private bool _isDisposed;

    public InProcessConsumer(Broker broker, ConsumerSettings settings, FieldReader<TKey> keys, FieldReader<TValue> values, RebalanceHandlers<TKey, TValue> handlers)
        : base(settings.Name)
    {
        _broker = broker;
        _settings = settings;
        _keys = keys;
        _values = values;
        _handlers = handlers;
        _membership = new GroupMembership(broker, settings, _signal);
        _decompressor = new BatchDecompressor(broker.Backend.GetCodec, expandedBytesMax: 256 << 20);
        _committedAt = Time.GetTimestamp();
    }

    public string MemberId => _membership.Session?.MemberId ?? "";

    public List<string> Subscription => _membership.Subscription ?? [];

    public IConsumerGroupMetadata ConsumerGroupMetadata => new InProcessGroupMetadata(_settings.Group, _membership.Session, () => _membership.Session);

    public List<TopicPartition> Assignment
    {
        get
        {
            lock (_lock)
                return [.. _partitions.Select(partition => partition.Id.ToClient())];
        }
    }

    private BrokerBackend Backend => _broker.Backend;

    private TimeProvider Time => _broker.Backend.Time;

    public ConsumeResult<TKey, TValue>? Consume(int millisecondsTimeout) => Consume(TimeSpan.FromMilliseconds(millisecondsTimeout), CancellationToken.None);

    public ConsumeResult<TKey, TValue>? Consume(TimeSpan timeout) => Consume(timeout, CancellationToken.None);

    public ConsumeResult<TKey, TValue> Consume(CancellationToken cancellationToken = default) => Consume(Timeout.InfiniteTimeSpan, cancellationToken)!;

    public void Subscribe(string topic) => Subscribe([topic]);

    public void Subscribe(IEnumerable<string> topics)
    {
        ArgumentNullException.ThrowIfNull(topics);
        lock (_lock)
        {
            ThrowIfClosed();
            RevokeAll();
            _toldMissing = [];
            Try(() => _membership.Subscribe([.. topics]));
        }
    }

    public void Unsubscribe()
    {
        lock (_lock)
        {
            ThrowIfClosed();
            RevokeAll();
            Try(_membership.Unsubscribe);
        }
    }

    public void Close()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(IConsumer<TKey, TValue>));
            if (_isClosed)
                return;
            RevokeAll();
            _isClosed = true;
            Try(_membership.Leave);
        }
    }

    /// <summary>
    /// Without <see cref="Close"/> nothing is committed and no handler is called, as with the real client; the group learns of it at once all the same.
    /// </summary>
    public override void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed)
                return;
            (_isDisposed, _isClosed) = (true, true);
            Drop(_partitions);
            try
            {
                _membership.Leave();
            }
            catch (BrokerException)
            {
                // A broker that is closed has no members.
            }
        }
    }

    private ConsumeResult<TKey, TValue>? Consume(TimeSpan timeout, CancellationToken cancellationToken)
    {
        var begin = Stopwatch.GetTimestamp();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task signalled;
            lock (_lock)
            {
                ThrowIfClosed();
                var result = ConsumeNow();
                if (result is not null)
                    return result;
                if (!TryRegister())
                    continue;
                signalled = _signalled ??= _signal.WaitAsync(CancellationToken.None).AsTask();
            }
            var left = timeout < TimeSpan.Zero ? Timeout.InfiniteTimeSpan : timeout - Stopwatch.GetElapsedTime(begin);
            if (left <= TimeSpan.Zero && left != Timeout.InfiniteTimeSpan)
                return null;
            // What gives no signal is looked for again and again: topics that are missing, and the time to commit.
            var pause = _membership.Missing.Count > 0 ? s_lookForTopics : _settings.IsAutoCommit ? TimeSpan.FromSeconds(1) : Timeout.InfiniteTimeSpan;
            if (pause == Timeout.InfiniteTimeSpan || (left != Timeout.InfiniteTimeSpan && left < pause))
                pause = left;
            signalled.Wait((int)Math.Ceiling(pause.TotalMilliseconds), cancellationToken);
        }
    }

    private ConsumeResult<TKey, TValue>? ConsumeNow()
    {
        Try(Rebalance);
        if (_settings.IsAutoCommit && Time.GetElapsedTime(_committedAt) >= _settings.AutoCommitInterval)
            AutoCommit();
        for (var i = 0; i < _partitions.Count; i++)
        {
            var partition = _partitions[(_turn + i) % _partitions.Count];
            if (partition.IsPaused)
                continue;
            if (TryTake(partition, out var record))
            {
                _turn = (_turn + i + 1) % _partitions.Count;
                return ToResult(partition, record);
            }
            if (_settings.TellsPartitionEnd && partition.ToldEnd != partition.Next && partition.Next >= partition.End)
            {
                partition.ToldEnd = partition.Next;
                return new ConsumeResult<TKey, TValue> { TopicPartitionOffset = new TopicPartitionOffset(partition.Id.ToClient(), partition.Next), IsPartitionEOF = true };
            }
        }
        return null;
    }

    private bool TryTake(OwnPartition partition, out FetchedRecord record)
    {
        try
        {
            return partition.TryTake(_decompressor, out record);
        }
        catch (BrokerException exception)
        {
            var code = exception.Code == ExactlyOnce.ErrorCode.OffsetOutOfRange ? ErrorCode.Local_AutoOffsetReset : BrokerErrors.ToError(exception).Code;
            throw new ConsumeException(
                new ConsumeResult<byte[], byte[]> { TopicPartitionOffset = new TopicPartitionOffset(partition.Id.ToClient(), partition.Next) },
                new Error(code, exception.Message, isFatal: false), exception);
        }
    }

    // The position is behind a record that cannot be read: consuming goes on with the next one, as with the real client.
    private ConsumeResult<TKey, TValue> ToResult(OwnPartition partition, FetchedRecord record)
    {
        var headers = new Headers();
        foreach (var header in record.Headers)
            headers.Add(header.Key, header.Value?.ToArray());
        var result = new ConsumeResult<TKey, TValue>
        {
            TopicPartitionOffset = new TopicPartitionOffset(partition.Id.ToClient(), record.Offset, record.LeaderEpoch),
            Message = new Message<TKey, TValue>
            {
                Headers = headers,
                Timestamp = new Timestamp(record.TimestampMs, record.IsLogAppendTime ? TimestampType.LogAppendTime : TimestampType.CreateTime),
            },
        };
        if (_settings.IsAutoStore)
            partition.Stored = partition.Position;
        result.Message.Key = Read(() => _keys.Read(record.Key, partition.Id.Topic, headers), result, record, ErrorCode.Local_KeyDeserialization);
        result.Message.Value = Read(() => _values.Read(record.Value, partition.Id.Topic, headers), result, record, ErrorCode.Local_ValueDeserialization);
        return result;
    }

    private static T Read<T>(Func<T> read, ConsumeResult<TKey, TValue> result, FetchedRecord record, ErrorCode code)
    {
        try
        {
            return read();
        }
        catch (Exception exception)
        {
            var raw = new ConsumeResult<byte[], byte[]>
            {
                TopicPartitionOffset = result.TopicPartitionOffset,
                Message = new Message<byte[], byte[]> { Timestamp = result.Message.Timestamp, Headers = result.Message.Headers, Key = record.Key!, Value = record.Value! },
            };
            throw new ConsumeException(raw, new Error(code), exception);
        }
    }

    private bool TryRegister()
    {
        if (_signalled is { IsCompleted: true })
            _signalled = null;
        if (_membership is { Session: not null, IsChangePending: true })
            return false;
        foreach (var partition in _partitions)
            if (!partition.IsPaused && !partition.TryWait(_signal))
                return false;
        return true;
    }

    private static void Try(Action call)
    {
        try
        {
            call();
        }
        catch (BrokerException exception)
        {
            throw BrokerErrors.ToException(exception);
        }
    }

    private void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_isClosed, typeof(IConsumer<TKey, TValue>));
}
