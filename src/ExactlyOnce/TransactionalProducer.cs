using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Diagnostics;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce;

/// <summary>
/// Writes in transactions, one at a time. Its transactional id names it across restarts: creating a producer with the same id fences every older one and aborts
/// what that left open, so that a restarted process never meets its own past. Meant to live long.
/// <code>
/// await using var checkout = await broker.CreateTransactionalProducerAsync("checkout");
/// await checkout.InTransactionAsync(async (transaction, ct) => await transaction.SendAsync(Topics.Orders, order.CustomerId, order, ct));
/// </code>
/// </summary>
public sealed class TransactionalProducer : IAsyncDisposable
{
    private static readonly TimeSpan s_backoffMax = TimeSpan.FromSeconds(1);

    private readonly Broker _broker;
    private readonly TransactionalProducerOptions _options;
    private readonly RecordAccumulator _accumulator;
    private readonly RecordSender _sender;
    private readonly ILogger _logger;
    private readonly Lock _closeLock = new();
    private Transaction? _current;
    private bool _needsIdentity;
    private Task? _closing;

    internal TransactionalProducer(Broker broker, string transactionalId, TransactionalProducerOptions options)
    {
        _broker = broker;
        _options = options;
        _accumulator = new RecordAccumulator(broker.Backend, options.ToSettings(transactionalId, broker.Options, broker.Backend));
        _sender = new RecordSender(_accumulator);
        _logger = broker.Backend.LoggerFactory.CreateLogger("ExactlyOnce.TransactionalProducer");
        broker.Register(this);
    }

    /// <summary>The name that fences older producers.</summary>
    public string TransactionalId => _accumulator.Settings.TransactionalId!;

    /// <summary>Guards the phase and the offsets of the open transaction.</summary>
    internal Lock TransactionLock { get; } = new();

    internal ProducerSession Session => _accumulator.Session!;

    private BrokerBackend Backend => _accumulator.Backend;

    internal ValueTask StartAsync(CancellationToken cancellationToken) => _accumulator.StartAsync(cancellationToken);

    /// <summary>Begins a transaction. There is one at a time: the one before must have been committed or aborted.</summary>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <exception cref="InvalidOperationException">The producer's last transaction is still open.</exception>
    /// <exception cref="ProducerFencedException">A newer producer with the same transactional id took over.</exception>
    /// <exception cref="ObjectDisposedException">The producer is closed.</exception>
    public async ValueTask<Transaction> BeginTransactionAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_accumulator.IsClosed, this);
        var transaction = new Transaction(this, _sender, ClientMeter.MeasuresTransactions ? _accumulator.Time.GetTimestamp() : null);
        if (Interlocked.CompareExchange(ref _current, transaction, null) is not null)
            throw new InvalidOperationException(
                $"The last transaction of '{TransactionalId}' is still open: commit, abort or dispose it first. For transactions side by side create a producer for each, with an id of its own.");
        try
        {
            await TakeIdentityAsync(cancellationToken).ConfigureAwait(false);
            _accumulator.OpenScope(transaction);
        }
        catch
        {
            Volatile.Write(ref _current, null);
            throw;
        }
        ClientMeter.RecordTransactionOpened();
        return transaction;
    }

    /// <summary>
    /// Runs <paramref name="body"/> in a transaction and commits it. Does what errors ask for: aborts and tries again, takes a new identity, waits between
    /// attempts; gives up when the error says that trying again is of no use, when a newer producer took over, or after
    /// <see cref="TransactionalProducerOptions.MaxAttempts"/>. An exception of the body's own aborts the transaction and is passed on.
    /// </summary>
    /// <param name="body">What to write. May run more than once: effects outside the transaction are its own affair.</param>
    /// <param name="cancellationToken">Honoured until the commit is under way.</param>
    public async Task InTransactionAsync(Func<TransactionWriter, CancellationToken, Task> body, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(body);
        await InTransactionAsync(
            async (transaction, token) =>
            {
                await body(transaction, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// As <see cref="InTransactionAsync(Func{TransactionWriter, CancellationToken, Task}, CancellationToken)"/>, and answers what the committed run of the body
    /// answered.
    /// </summary>
    /// <param name="body">What to write and answer. May run more than once.</param>
    /// <param name="cancellationToken">Honoured until the commit is under way.</param>
    public async Task<TResult> InTransactionAsync<TResult>(
        Func<TransactionWriter, CancellationToken, Task<TResult>> body, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(body);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var transaction = await BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
                var result = await body(transaction, cancellationToken).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
                return result;
            }
            catch (BrokerException exception) when (attempt < _options.MaxAttempts && IsWorthTryingAgain(exception))
            {
                ProducerLog.TransactionRetried(_logger, TransactionalId, attempt + 1, exception.Code);
                _needsIdentity |= exception.Recovery == ErrorRecovery.RecreateClient;
            }
            await Task.Delay(Backoff(attempt), _accumulator.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Aborts the open transaction and closes the producer. Never throws; may be called more than once.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_closeLock)
            _closing ??= CloseAsync();
        return new ValueTask(_closing);
    }

    // For the open transaction

    internal async ValueTask CommitAsync(Transaction transaction, IReadOnlyList<TransactionOffsets> offsets)
    {
        _accumulator.CloseScope();
        var identity = Session.Identity;
        try
        {
            if (FindFailure() is not null || !await _accumulator.TryCommitAsync(offsets).ConfigureAwait(false))
            {
                SealForEnd();
                await Backend.EndTransactionAsync(Session, commit: true, offsets).ConfigureAwait(false);
            }
        }
        catch (BrokerException exception) when (exception.Code == ErrorCode.OutcomeUnknown && exception is not TransactionOutcomeUnknownException)
        {
            var unknown = new TransactionOutcomeUnknownException(
                $"Whether the transaction of '{TransactionalId}' (producer {identity}) was committed is not known. {exception.Message}",
                TransactionalId, identity.Id, identity.Epoch, exception);
            _accumulator.StopBy(unknown);
            Leave(transaction, "unknown");
            throw unknown;
        }
        catch (BrokerException exception) when (exception.Recovery != ErrorRecovery.Retry)
        {
            if (exception.Recovery is ErrorRecovery.RecreateClient or ErrorRecovery.Stop)
                _accumulator.StopBy(exception);
            _accumulator.FailTransaction(transaction, exception);
            throw;
        }
        Leave(transaction, "committed");
    }

    internal async ValueTask AbortAsync(Transaction transaction)
    {
        var reason = _accumulator.TransactionFailure is TransactionTimedOutException ? "timed_out" : "aborted";
        _accumulator.CloseScope();
        _accumulator.Restart();
        // Whoever fenced this producer has aborted the transaction. A producer that stopped for anything else has left it open, and readers wait for its end.
        if (Session.Fenced is null)
            await AbortAtBrokerAsync().ConfigureAwait(false);
        Leave(transaction, reason);
    }

    internal async ValueTask<string> PrepareAsync(Transaction transaction, IReadOnlyList<TransactionOffsets> offsets)
    {
        SealForEnd();
        return await Backend.PrepareTransactionAsync(Session, offsets).ConfigureAwait(false);
    }

    internal async ValueTask ResolveAsync(Transaction transaction, string token, bool commit)
    {
        await Backend.ResolvePreparedAsync(token, commit, CancellationToken.None).ConfigureAwait(false);
        // The decision went past this session, by the token; the next transaction takes a fresh identity.
        _needsIdentity = true;
        Leave(transaction, commit ? "committed" : "aborted");
    }

    internal void NoteAbortFailure(Transaction transaction, Exception exception)
    {
        ProducerLog.AbortFailed(_logger, TransactionalId, exception);
        _needsIdentity = true;
        Leave(transaction, "aborted");
    }

    private async ValueTask AbortAtBrokerAsync()
    {
        try
        {
            await Backend.EndTransactionAsync(Session, commit: false, []).ConfigureAwait(false);
        }
        catch (TransactionTimedOutException)
        {
            // Aborted already, which is what was asked for.
            _needsIdentity = true;
        }
        catch (BrokerException exception) when (exception.Recovery is ErrorRecovery.RecreateClient or ErrorRecovery.Stop || _accumulator.Failure is not null)
        {
            // A broker whose storage failed aborts it when it is opened again, any other when its time is over or its id is used again.
            _accumulator.StopBy(exception);
        }
    }

    /// <summary>Takes no more records, sends all that were taken, and throws when one of them failed: a commit never leaves one out.</summary>
    private void SealForEnd()
    {
        _accumulator.CloseScope();
        _accumulator.SealAll();
        var failure = FindFailure();
        if (failure is null)
            return;
        if (failure.Recovery is ErrorRecovery.AbortTransaction or ErrorRecovery.RecreateClient or ErrorRecovery.Stop)
            throw failure;
        throw new TransactionAbortableException($"The transaction of '{TransactionalId}' can only be aborted, because a record failed. {failure.Message}", failure);
    }

    private BrokerException? FindFailure() => _accumulator.Failure ?? Session.Fenced ?? _accumulator.TransactionFailure;

    private void Leave(Transaction transaction, string outcome)
    {
        _accumulator.CloseScope();
        _accumulator.Restart();
        if (Interlocked.CompareExchange(ref _current, null, transaction) == transaction)
            ClientMeter.RecordTransaction(_accumulator.Time, transaction.BeganAt, outcome);
    }

    private async ValueTask TakeIdentityAsync(CancellationToken cancellationToken)
    {
        if (_needsIdentity)
        {
            _accumulator.DropIdentity();
            _needsIdentity = false;
        }
        await _accumulator.StartAsync(cancellationToken).ConfigureAwait(false);
        if ((_accumulator.Failure ?? Session.Fenced) is { } failure)
            throw failure;
    }

    private static bool IsWorthTryingAgain(BrokerException exception) => exception switch
    {
        // Two instances that took over from each other in turns would never get anything done.
        ProducerFencedException or TransactionOutcomeUnknownException or BrokerClosedException => false,
        { Recovery: ErrorRecovery.AbortTransaction, InnerException: BrokerException { Recovery: ErrorRecovery.FixRequest or ErrorRecovery.Stop } } => false,
        { Recovery: ErrorRecovery.Retry or ErrorRecovery.AbortTransaction or ErrorRecovery.RecreateClient } => true,
        _ => false,
    };

    private TimeSpan Backoff(int attempt)
    {
        var backoff = _options.RetryBackoff < s_backoffMax ? _options.RetryBackoff * Math.Pow(2, Math.Min(attempt - 1, 20)) : s_backoffMax;
        return backoff < s_backoffMax ? backoff : s_backoffMax;
    }

    private async Task CloseAsync()
    {
        if (Volatile.Read(ref _current) is { } transaction)
            await transaction.DisposeAsync().ConfigureAwait(false);
        await _accumulator.DisposeAsync().ConfigureAwait(false);
        _broker.Unregister(this);
    }
}
