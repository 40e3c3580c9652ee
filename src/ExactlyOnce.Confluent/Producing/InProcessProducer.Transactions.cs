using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Confluent.Consuming;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Confluent.Producing;

using global::Confluent.Kafka;

/// <summary>
/// Transactions, in librdkafka's states: what is not valid now is refused with Local_State, what can only be aborted with
/// <see cref="KafkaTxnRequiresAbortException"/>, and what is to be called again with <see cref="KafkaRetriableException"/>.
/// </summary>
internal sealed partial class InProcessProducer<TKey, TValue>
{
    private readonly string? _transactionalId;
    private readonly TimeSpan _transactionTimeout;
    private readonly Lock _transactionLock = new();
    private readonly List<TransactionOffsets> _offsets = [];
    private TransactionState _state = TransactionState.Uninitialized;
    private Error? _failure;
    private Task? _committing;
    private ProducerIdentity _committed;

    private bool IsTransactional => _transactionalId is not null;

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
        var request = new ProducerRequest { TransactionalId = _transactionalId, TransactionTimeout = _transactionTimeout };
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
        if (Flush(timeout) > 0)
            throw new KafkaRetriableException(new Error(ErrorCode.Local_TimedOut, "Records of the transaction are not acknowledged yet: call CommitTransaction again.", isFatal: false));
        ThrowIfAbortOnly();
        Try(() => Commit(timeout));
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
        if (_state == TransactionState.Open && _committing is not null)
            throw new KafkaException(BrokerErrors.State("The commit is under way, or its outcome not known: call CommitTransaction again."));
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
            throw new ArgumentException(
                "The group metadata is that of another client: take it from a consumer over the same broker, by its ConsumerGroupMetadata property.", nameof(groupMetadata));
        Require("SendOffsetsToTransaction", TransactionState.Open);
        var positions = offsets.Where(offset => offset.Offset.Value >= 0)
            .ToDictionary(offset => offset.TopicPartition.ToBroker(), offset => new CommittedOffset(offset.Offset.Value));
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

    // Called again after a timeout it waits for the same commit, and after a lost answer it asks what became of it.
    private void Commit(TimeSpan timeout)
    {
        if (_committing is { IsCompleted: true })
        {
            _committing = null;
            var outcome = Wait(_appender.Backend.GetOutcomeAsync(_transactionalId!, _committed.Id, _committed.Epoch, CancellationToken.None), timeout);
            if (outcome == TransactionOutcome.Committed)
                return;
        }
        if (_committing is null)
        {
            _committed = _appender.Session!.Identity;
            _committing = _appender.Backend.EndTransactionAsync(_appender.Session, commit: true, _offsets).AsTask();
        }
        Wait(new ValueTask(_committing), timeout);
    }

    private Error? RefusalNow() => _state switch
    {
        TransactionState.Fatal => _failure,
        TransactionState.AbortOnly => _failure,
        TransactionState.Open => null,
        _ when !IsTransactional => null,
        _ => BrokerErrors.State("Produce is valid only within a transaction: call InitTransactions and BeginTransaction first."),
    };

    /// <summary>Something of the open transaction has failed: what is left is to abort it, or nothing.</summary>
    private void FailTransaction(Error error)
    {
        if (!IsTransactional)
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
        catch (BrokerException exception) when (IsOfTransaction(exception))
        {
            var error = BrokerErrors.ToError(exception);
            FailTransaction(error);
            if (error.IsFatal)
                _errorHandler?.Invoke(this, error);
            throw error.IsFatal ? new KafkaException(error, exception) : new KafkaTxnRequiresAbortException(error);
        }
        catch (BrokerException exception)
        {
            throw BrokerErrors.ToException(exception);
        }
    }

    // An outcome that is not known is asked for by calling again.
    private bool IsOfTransaction(BrokerException exception) =>
        exception.Recovery != ErrorRecovery.Retry && exception.Code != ExactlyOnce.ErrorCode.OutcomeUnknown && _state is TransactionState.Open or TransactionState.AbortOnly;

    private void End()
    {
        _appender.Restart();
        _committing = null;
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
