using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Clients.Transactions;

namespace ExactlyOnce;

/// <summary>
/// A transaction: what is written in it, to any number of partitions, and the offsets given to it become visible to read_committed readers together or not at
/// all.
/// Disposing it without a commit aborts it.
/// <code>
/// await using var transaction = await checkout.BeginTransactionAsync(ct);
/// await transaction.SendAsync(Topics.Orders, order.CustomerId, order, ct);
/// await transaction.CommitAsync(ct);
/// </code>
/// </summary>
public sealed class Transaction : TransactionWriter, IAsyncDisposable
{
    private readonly TransactionalProducer _producer;
    private List<TransactionOffsets>? _offsets;
    private TransactionPhase _phase = TransactionPhase.Open;
    private string? _token;

    internal Transaction(TransactionalProducer producer, RecordSender sender, long? beganAt)
        : base(sender)
    {
        _producer = producer;
        BeganAt = beganAt;
    }

    /// <summary>When it began, by <see cref="TimeProvider.GetTimestamp"/>; null when nobody wanted to know.</summary>
    internal long? BeganAt { get; }

    /// <summary>One at a time, and so one lock for all of a producer's transactions.</summary>
    private Lock Lock => _producer.TransactionLock;

    private IReadOnlyList<TransactionOffsets> Offsets => _offsets is { } offsets ? offsets : [];

    /// <summary>
    /// Commits: everything sent becomes durable and visible at once, in all partitions. Cancellation is honoured before the commit is under way and ignored
    /// afterwards.
    /// </summary>
    /// <param name="cancellationToken">Honoured until the commit is under way.</param>
    /// <exception cref="TransactionAbortableException">The transaction cannot be committed (a record failed, or it timed out); abort it and begin
    /// again.</exception>
    /// <exception cref="ProducerFencedException">A newer producer took over; the transaction was aborted.</exception>
    /// <exception cref="TransactionOutcomeUnknownException">The broker failed while committing.</exception>
    /// <exception cref="InvalidOperationException">The transaction has ended already.</exception>
    public async ValueTask CommitAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var phase = Enter(TransactionPhase.Ending, "be committed", TransactionPhase.Open, TransactionPhase.Sealed, TransactionPhase.Prepared);
        await RunAsync(
            phase == TransactionPhase.Prepared
                ? _producer.ResolveAsync(this, _token!, commit: true)
                : _producer.CommitAsync(this, Offsets),
            succeeded: TransactionPhase.Committed,
            retried: phase == TransactionPhase.Prepared ? phase : TransactionPhase.Sealed).ConfigureAwait(false);
    }

    /// <summary>
    /// Aborts: nothing of it becomes visible to read_committed readers. Succeeds also when the broker has aborted it before, for its timeout.
    /// </summary>
    /// <param name="cancellationToken">Honoured until the abort is under way.</param>
    /// <exception cref="InvalidOperationException">The transaction was committed.</exception>
    public async ValueTask AbortAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_phase == TransactionPhase.Aborted)
            return;
        var phase = Enter(
            TransactionPhase.Ending, "be aborted", TransactionPhase.Open, TransactionPhase.Sealed, TransactionPhase.Failed, TransactionPhase.Prepared);
        await AbortFromAsync(phase).ConfigureAwait(false);
    }

    /// <summary>
    /// The first phase of a two-phase commit: everything becomes durable and stays undecided, also over restarts and timeouts, until <see cref="CommitAsync"/>,
    /// <see cref="AbortAsync"/> or, in another process, <see cref="BrokerAdmin.CommitPreparedAsync"/> decides. Disposing does not abort it any more.
    /// </summary>
    /// <param name="cancellationToken">Honoured until the preparation is under way.</param>
    /// <returns>The token that names the transaction; store it with the outer decision.</returns>
    public async ValueTask<string> PrepareAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Enter(TransactionPhase.Ending, "be prepared", TransactionPhase.Open, TransactionPhase.Sealed);
        var preparing = _producer.PrepareAsync(this, Offsets);
        await RunAsync(NoteTokenAsync(preparing), succeeded: TransactionPhase.Prepared, retried: TransactionPhase.Sealed).ConfigureAwait(false);
        return _token!;
    }

    /// <summary>Aborts the transaction unless it was committed or prepared. Never throws.</summary>
    public async ValueTask DisposeAsync()
    {
        TransactionPhase phase;
        lock (Lock)
        {
            phase = _phase;
            if (phase is not (TransactionPhase.Open or TransactionPhase.Sealed or TransactionPhase.Failed))
                return;
            _phase = TransactionPhase.Ending;
        }
        try
        {
            await AbortFromAsync(phase).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The broker aborts it when its time is over; the producer's next transaction, if it can have one, says what is wrong.
            _producer.NoteAbortFailure(this, exception);
        }
    }

    /// <summary>Commits consumer offsets with the transaction. Several calls for one group are merged; the later offset of a partition wins.</summary>
    internal void AddOffsets(TransactionOffsets offsets)
    {
        lock (Lock)
        {
            if (_phase != TransactionPhase.Open)
                throw Refusal("be given offsets");
            _offsets ??= [];
            var at = _offsets.FindIndex(each => each.Group == offsets.Group);
            if (at < 0)
            {
                _offsets.Add(offsets);
                return;
            }
            var known = _offsets[at];
            if (!ReferenceEquals(known.Member, offsets.Member))
                throw new InvalidOperationException($"A transaction takes the offsets of group '{offsets.Group}' from one member only.");
            var merged = new Dictionary<TopicPartition, CommittedOffset>(known.Offsets);
            foreach (var (partition, offset) in offsets.Offsets)
                merged[partition] = offset;
            _offsets[at] = known with { Offsets = merged };
        }
    }

    /// <summary>What was open is dropped when the abort begins: whatever becomes of the abort, a commit would leave that out.</summary>
    private ValueTask AbortFromAsync(TransactionPhase phase) => phase == TransactionPhase.Prepared
        ? RunAsync(_producer.ResolveAsync(this, _token!, commit: false), succeeded: TransactionPhase.Aborted, retried: TransactionPhase.Prepared)
        : RunAsync(_producer.AbortAsync(this), succeeded: TransactionPhase.Aborted, retried: TransactionPhase.Failed);

    private async ValueTask NoteTokenAsync(ValueTask<string> preparing) => _token = await preparing.ConfigureAwait(false);

    private async ValueTask RunAsync(ValueTask ending, TransactionPhase succeeded, TransactionPhase retried)
    {
        try
        {
            await ending.ConfigureAwait(false);
            _phase = succeeded;
        }
        catch (BrokerException exception)
        {
            _phase = exception switch
            {
                { Recovery: ErrorRecovery.Retry } => retried,
                TransactionOutcomeUnknownException => TransactionPhase.Unknown,
                _ => retried == TransactionPhase.Prepared ? TransactionPhase.Prepared : TransactionPhase.Failed,
            };
            throw;
        }
        catch
        {
            _phase = TransactionPhase.Failed;
            throw;
        }
    }

    private TransactionPhase Enter(TransactionPhase next, string verb, params ReadOnlySpan<TransactionPhase> allowed)
    {
        lock (Lock)
        {
            if (!allowed.Contains(_phase))
                throw Refusal(verb);
            var former = _phase;
            _phase = next;
            return former;
        }
    }

    private InvalidOperationException Refusal(string verb) => new(_phase switch
    {
        TransactionPhase.Ending => $"The transaction cannot {verb}: it is being ended by another call.",
        TransactionPhase.Prepared => $"The transaction cannot {verb}: it is prepared; commit or abort it.",
        TransactionPhase.Failed => $"The transaction cannot {verb}: it has failed; abort it.",
        TransactionPhase.Unknown => $"The transaction cannot {verb}: how its commit ended is unknown; ask Admin.GetTransactionOutcomeAsync.",
        _ => $"The transaction cannot {verb}: it is {_phase.ToString().ToLowerInvariant()} already.",
    });
}
