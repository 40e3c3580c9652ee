using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Confluent.Consuming;

namespace ExactlyOnce.Confluent.Producing;

using global::Confluent.Kafka;

/// <summary>Transactions, in librdkafka's states: what is not valid now is refused with Local_State, what can only be aborted with <see cref="KafkaTxnRequiresAbortException"/>.</summary>
internal sealed partial class InProcessProducer<TKey, TValue>
{
    private readonly string? _transactionalId = settings.Text("transactional.id");
    private readonly bool _isTransactional = settings.Text("transactional.id") is not null;
    private readonly Lock _transactionLock = new();
    private readonly List<TransactionOffsets> _offsets = [];
    private TransactionState _state = TransactionState.Uninitialized;
    private Error? _failure;

    private enum TransactionState
    {
        Uninitialized,
        Ready,
        Open,
        AbortOnly,
        Fatal,
    }

    public void InitTransactions(TimeSpan timeout)
    {
        ThrowIfDisposed();
        if (_transactionalId is null)
            throw new KafkaException(new Error(ErrorCode.Local_NotConfigured, "The Transactional API requires transactional.id to be configured.", isFatal: false));
        Require("InitTransactions", TransactionState.Uninitialized, TransactionState.Ready);
        var request = new ProducerRequest
        {
            TransactionalId = _transactionalId,
            TransactionTimeout = TimeSpan.FromMilliseconds(settings.Number("transaction.timeout.ms", otherwise: 60_000)),
        };
        Try(() => Wait(_appender.OpenAsync(request), timeout));
        _state = TransactionState.Ready;
    }

    public void BeginTransaction()
    {
        ThrowIfDisposed();
        Require("BeginTransaction", TransactionState.Ready);
        _offsets.Clear();
        _failure = null;
        _state = TransactionState.Open;
    }

    public void CommitTransaction() => CommitTransaction(Timeout.InfiniteTimeSpan);

    public void CommitTransaction(TimeSpan timeout)
    {
        ThrowIfDisposed();
        Require("CommitTransaction", TransactionState.Open);
        Flush(timeout);
        ThrowIfAbortOnly();
        Try(() => Wait(_appender.Backend.EndTransactionAsync(_appender.Session!, commit: true, _offsets), timeout));
        End();
    }

    public void AbortTransaction() => AbortTransaction(Timeout.InfiniteTimeSpan);

    public void AbortTransaction(TimeSpan timeout)
    {
        ThrowIfDisposed();
        if (_state == TransactionState.Fatal)
            throw new KafkaException(_failure!);
        if (_state is not (TransactionState.Open or TransactionState.AbortOnly))
            throw new KafkaException(BrokerErrors.State($"AbortTransaction is not valid in state {_state}."));
        Flush(timeout);
        Try(() => Wait(_appender.Backend.EndTransactionAsync(_appender.Session!, commit: false, []), timeout));
        End();
    }

    public void SendOffsetsToTransaction(IEnumerable<TopicPartitionOffset> offsets, IConsumerGroupMetadata groupMetadata, TimeSpan timeout)
    {
        ThrowIfDisposed();
        ArgumentNullException.ThrowIfNull(offsets);
        ArgumentNullException.ThrowIfNull(groupMetadata);
        if (groupMetadata is not InProcessGroupMetadata group)
            throw new ArgumentException("The group metadata is that of another client: take it from a consumer over the same broker, by its ConsumerGroupMetadata property.", nameof(groupMetadata));
        Require("SendOffsetsToTransaction", TransactionState.Open);
        var positions = offsets.Where(offset => offset.Offset.Value >= 0).ToDictionary(offset => offset.TopicPartition.ToBroker(), offset => new CommittedOffset(offset.Offset.Value));
        if (!group.IsCurrent)
        {
            FailTransaction(new Error(ErrorCode.IllegalGeneration, $"The member of group '{group.Group}' belongs to it no longer.", isFatal: false));
            ThrowIfAbortOnly();
        }
        var known = _offsets.FindIndex(each => each.Group == group.Group);
        if (known < 0)
        {
            _offsets.Add(new TransactionOffsets(group.Group, group.Member, positions));
            return;
        }
        foreach (var (partition, offset) in _offsets[known].Offsets)
            positions.TryAdd(partition, offset);
        _offsets[known] = new TransactionOffsets(group.Group, group.Member, positions);
    }

    private Error? RefusalNow() => _state switch
    {
        TransactionState.Fatal => _failure,
        TransactionState.AbortOnly => _failure,
        TransactionState.Open => null,
        _ when !_isTransactional => null,
        _ => BrokerErrors.State("Produce is valid only within a transaction: call InitTransactions and BeginTransaction first."),
    };

    /// <summary>Something of the open transaction has failed: what is left is to abort it, or nothing.</summary>
    private void FailTransaction(Error error)
    {
        if (!_isTransactional)
            return;
        lock (_transactionLock)
        {
            if (_state is not (TransactionState.Open or TransactionState.AbortOnly or TransactionState.Ready))
                return;
            _failure = error.IsFatal ? error : _failure ?? error;
            _state = error.IsFatal ? TransactionState.Fatal : TransactionState.AbortOnly;
        }
    }

    private void Try(Action call)
    {
        try
        {
            call();
        }
        catch (BrokerException exception) when (exception.Recovery != ErrorRecovery.Retry && exception.Code != ExactlyOnce.ErrorCode.OutcomeUnknown && _state is TransactionState.Open or TransactionState.AbortOnly)
        {
            var error = BrokerErrors.ToError(exception);
            FailTransaction(error);
            if (error.IsFatal)
                errorHandler?.Invoke(this, error);
            throw error.IsFatal ? new KafkaException(error, exception) : new KafkaTxnRequiresAbortException(error);
        }
        catch (BrokerException exception)
        {
            throw BrokerErrors.ToException(exception);
        }
    }

    private void End()
    {
        _appender.Restart();
        _offsets.Clear();
        _failure = null;
        _state = TransactionState.Ready;
    }

    private void ThrowIfAbortOnly()
    {
        if (_state == TransactionState.Fatal)
            throw new KafkaException(_failure!);
        if (_state == TransactionState.AbortOnly)
            throw new KafkaTxnRequiresAbortException(_failure!);
    }

    private void Require(string call, params ReadOnlySpan<TransactionState> allowed)
    {
        ThrowIfAbortOnly();
        if (!allowed.Contains(_state))
            throw new KafkaException(BrokerErrors.State($"{call} is not valid in state {_state}."));
    }
}
