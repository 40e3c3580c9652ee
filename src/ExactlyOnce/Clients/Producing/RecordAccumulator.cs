using System.IO.Pipelines;
using ExactlyOnce.Diagnostics;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// Everything one producer holds: its identity, its open batches, its buffer memory and its linger timer. Created by a producer, started by its first use,
/// closed once. Thread-safe. What errors do to it: <see cref="ProducerFaults"/>.
/// </summary>
internal sealed class RecordAccumulator : IAsyncDisposable
{
    private static readonly Action<object?> s_complete = static state => ((SendOperation)state!).Complete();

    private readonly Lock _startLock = new();
    private readonly TopicRoutes _routes;
    private readonly FlushEpochs _epochs;
    private readonly ProducerFaults _faults;
    private readonly LingerTimer _timer;
    private readonly ILogger _logger;
    private readonly PipeScheduler _completions;
    private readonly long _lingerTicks;
    private readonly OpenedPartitions _opened = new();
    private readonly CancellationTokenSource _closing = new();
    private Task? _starting;
    private object? _scope;
    private volatile bool _isClosed;

    public RecordAccumulator(BrokerBackend backend, ProducerSettings settings)
    {
        Backend = backend;
        Settings = settings;
        _completions = backend.Completions;
        _logger = backend.LoggerFactory.CreateLogger("ExactlyOnce.Producer");
        _routes = new TopicRoutes(this);
        _epochs = new FlushEpochs(_completions);
        _faults = new ProducerFaults(settings, _logger);
        Memory = new BufferMemory(settings.BufferMemoryBytes, _completions);
        Line = new SendLine(_completions);
        Batches = new BatchOperationPool(this);
        _lingerTicks = (long)(settings.PostLinger.TotalSeconds * Time.TimestampFrequency);
        _timer = new LingerTimer(Time, static state => ((RecordAccumulator)state!).SealDue(), this);
    }

    public BrokerBackend Backend { get; }

    public ProducerSettings Settings { get; }

    public TimeProvider Time => Backend.Time;

    public BufferMemory Memory { get; }

    public SendLine Line { get; }

    public SendOperationPool Sends { get; } = new();

    public BatchOperationPool Batches { get; }

    /// <summary>The identity batches are signed with; null until started.</summary>
    public ProducerSession? Session { get; private set; }

    /// <summary>The source sequence of a producer with a name; null for others.</summary>
    public NamedSource? Source { get; private set; }

    public bool IsClosed => _isClosed;

    /// <summary>Cancelled when the producer is closed: whoever waits for something before his record has its place need not wait any more.</summary>
    public CancellationToken Closing => _closing.Token;

    /// <summary>Why the producer stopped; null while it works.</summary>
    public BrokerException? Failure => _faults.Cause;

    /// <summary>Why the open transaction can only be aborted; null while it can be committed.</summary>
    public BrokerException? TransactionFailure => _faults.TransactionFailure;

    // Starting

    /// <summary>Takes the producer's identity; for a name or a transactional id this fences every older holder. Later calls do nothing.</summary>
    public ValueTask StartAsync(CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        if (Session is not null)
            return default;
        Task starting;
        lock (_startLock)
        {
            // A failed start is not kept: the next call tries again.
            if (_starting is null or { IsFaulted: true })
                _starting = StartCoreAsync();
            starting = _starting;
        }
        return new ValueTask(starting.WaitAsync(cancellationToken));
    }

    private async Task StartCoreAsync()
    {
        var request = new ProducerRequest
        {
            Name = Settings.Name,
            TransactionalId = Settings.TransactionalId,
            TransactionTimeout = Settings.TransactionTimeout,
        };
        var session = await Backend.InitProducerAsync(request, CancellationToken.None).ConfigureAwait(false);
        if (Settings.Name is not null)
            Source = new NamedSource(Backend, session);
        Session = session;
    }

    /// <summary>Finds the topic's partitions, creating the topic when that is allowed.</summary>
    public async ValueTask<TopicRoute> ResolveAsync(string topic, CancellationToken cancellationToken)
    {
        await StartAsync(cancellationToken).ConfigureAwait(false);
        if (TryGetRoute(topic) is { } known)
            return known;
        var description = await TopicResolution.ResolveAsync(Backend, topic, Settings.AutoCreateTopics, cancellationToken).ConfigureAwait(false);
        return _routes.Build(description);
    }

    /// <summary>The topic's partitions when they are known and up to date.</summary>
    public TopicRoute? TryGetRoute(string topic) => _routes.TryGet(topic);

    // Sending

    /// <summary>Called under a partition's lock before a record goes into its batch.</summary>
    public void ThrowIfUnusable(object? scope)
    {
        ThrowIfClosed();
        if (Failure is { } failure)
            throw failure;
        // There is none while a new one is being taken, and then no transaction is open either.
        if (Session?.Fenced is { } fenced)
            throw fenced;
        if (!ReferenceEquals(scope, Volatile.Read(ref _scope)))
            throw new InvalidOperationException("The transaction has ended; nothing can be added to it.");
    }

    public void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_isClosed, typeof(Producer<,>));

    /// <summary>Makes sure that an open batch is sent in time; answers when that is, on the clock of <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long ArmLinger(long openedAt)
    {
        _timer.Arm(Settings.PostLinger);
        return openedAt + _lingerTicks;
    }

    /// <summary>Sends a partition's open batch, and with it, for a producer with a name, those of all its partitions. The partition's lock is held.</summary>
    public BatchOperation? SealWithLock(PartitionAccumulator partition)
    {
        if (Source is { } source)
            return source.SealAllWithLock(this);
        var batch = partition.CloseWithLock();
        return batch is null ? null : SendWithLock(partition, batch);
    }

    /// <summary>Appends a closed batch; answers it when it is the caller's to finish. The partition's lock is held.</summary>
    public BatchOperation? SendWithLock(PartitionAccumulator partition, BatchOperation batch)
    {
        var status = IsStopped(batch) ? AppendStatus.Completed : partition.AppendWithLock(batch);
        partition.ReleaseWriter();
        if (status != AppendStatus.Completed)
            return null;
        NoteOutcomeWithLock(batch);
        return batch;
    }

    /// <summary>True when the producer has stopped: the batch then fails with the same cause and is not sent.</summary>
    public bool IsStopped(BatchOperation batch)
    {
        if (Failure is not { } failure)
            return false;
        batch.Outcome = new AppendOutcome { Error = failure.Code, Exception = failure };
        return true;
    }

    /// <summary>Draws the consequences of a refusal, before the partition's lock is released.</summary>
    public void NoteOutcomeWithLock(BatchOperation batch) => _faults.NoteRefusal(batch);

    /// <summary>Sends everything that is open.</summary>
    public void SealAll() => _routes.ForEach(static partition => partition.Seal());

    /// <summary>Called under the partition's lock when it opens the first batch since the last <see cref="Restart"/>.</summary>
    public void NoteOpened(PartitionAccumulator partition) => _opened.Add(partition);

    /// <summary>Adds a batch to what the next flush waits for.</summary>
    public FlushEpoch EnterEpoch() => _epochs.Enter();

    /// <summary>Waits until everything accepted so far is acknowledged, and tells the first failure of a posted record.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        await DrainAsync(cancellationToken).ConfigureAwait(false);
        if (_faults.TakePostFailure() is { } failure)
            throw failure;
    }

    private ValueTask DrainAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        SealAll();
        return _epochs.DrainAsync(cancellationToken);
    }

    private void SealDue()
    {
        _timer.Disarm();
        if (_isClosed)
            return;
        if (_routes.SealDue(Time.GetTimestamp()) is { } dueTime)
            _timer.Arm(dueTime);
    }

    public void NoteCompressionFailure(TopicPartition partition, CompressionType compression, Exception exception) =>
        ProducerLog.CompressionFailed(_logger, partition, compression, exception);

    /// <summary>
    /// Acknowledges a record whose source sequence is not new. At or below the last durable one: at once. Above it the original is still on its way, and the
    /// duplicate is as good as its original.
    /// </summary>
    public async ValueTask<RecordMetadata> AnswerDuplicateAsync(BackendPartition partition)
    {
        await DrainAsync(CancellationToken.None).ConfigureAwait(false);
        if (Failure is { } failure)
            throw failure;
        return new RecordMetadata(partition.Id, offset: null, Time.GetUtcNow(), isDuplicate: true);
    }

    // Finishing

    /// <summary>Finishes batches that the backend answered at once; their locks are released.</summary>
    public void FinishAll(BatchOperation? chain, SendOperation? own)
    {
        while (chain is not null)
        {
            var next = chain.Next;
            chain.Next = null;
            Finish(chain, wasPending: false, own);
            chain = next;
        }
    }

    /// <summary>
    /// Books a batch's outcome, wakes its callers and answers the failure they are told, null for none. A pending batch is finished on the backend's
    /// completions, where its last caller goes on directly.
    /// </summary>
    public BrokerException? Finish(BatchOperation batch, bool wasPending, SendOperation? own)
    {
        DropReferences(batch);
        var failure = TakeFailure(batch);
        if (failure is not null)
            NoteFailure(batch, failure, wasPending);
        else if (batch.LastSourceSequence != EncodedRecord.NoSourceSequence)
            Source!.Acknowledge(batch.LastSourceSequence);
        ClientMeter.RecordSend(Time, batch.Partition!.Id.Topic, batch.RecordCount, batch.OpenedAt, batch.Outcome.IsDuplicate, failure);
        var send = batch.DecideSends(failure);
        Settle(batch);
        Wake(send, own, wasPending);
        return failure;
    }

    /// <summary>Forgets a batch that was never sent.</summary>
    public void Discard(BatchOperation batch)
    {
        batch.Epoch = null;
        if (batch.References is { } page)
            batch.Partition!.References!.Remove(page);
        batch.DecideSends(new TransactionAbortableException("The transaction was aborted before the record was sent."));
        Settle(batch);
    }

    // Of a batch that is not in the log. A duplicate is: its original has the same bytes, and they name the same page. So may be one whose outcome nobody
    // knows.
    private static void DropReferences(BatchOperation batch)
    {
        if (batch.References is { } page && (batch.RecordCount == 0 || batch.Outcome.Error is not (ErrorCode.None or ErrorCode.OutcomeUnknown)))
            batch.Partition!.References!.Remove(page);
    }

    private void Settle(BatchOperation batch)
    {
        var epoch = batch.Epoch;
        Memory.Release(batch.ReservedBytes);
        Batches.Return(batch);
        epoch?.Leave();
    }

    private void Wake(SendOperation? send, SendOperation? own, bool wasPending)
    {
        while (send is not null)
        {
            var next = send.Next;
            send.Next = null;
            if (ReferenceEquals(send, own))
                send.IsFinishedInline = true;
            else if (wasPending && next is null)
                send.Complete();
            else
                // Not one after the other on this stack: the first caller may block, and what it blocks on may be the second.
                _completions.Schedule(s_complete, send);
            send = next;
        }
    }

    /// <summary>A batch whose records are all known by their message ids is as good as written, and its answer came when the originals were durable.</summary>
    private static BrokerException? TakeFailure(BatchOperation batch)
    {
        if (batch.Outcome.Error == ErrorCode.None)
            return null;
        if (batch.Outcome.DuplicateMessages is not { } duplicates)
            return ProducerFaults.ToException(batch);
        batch.TakeOut(duplicates);
        return batch.RecordCount == 0
            ? null
            : new TransientException(ErrorCode.DuplicateSequence, "Other records of the batch were known by their message ids, and this one was not written with them; send it again.");
    }

    private void NoteFailure(BatchOperation batch, BrokerException failure, bool wasPending)
    {
        if (batch.Outcome.Error == ErrorCode.UnknownTopicOrPartition)
            _routes.Forget(batch.Partition!.Id.Topic);
        _faults.Note(batch, failure, wasPending);
    }

    // Transactions

    /// <summary>From here on records of this transaction, and of no other, are taken.</summary>
    public void OpenScope(object scope)
    {
        _faults.ForgetTransaction();
        Volatile.Write(ref _scope, scope);
    }

    /// <summary>From here on no record is taken. What was taken before is in an open batch or sent.</summary>
    public void CloseScope() => Volatile.Write(ref _scope, this);

    /// <summary>Makes the open transaction abortable only; an exception that came from a transaction that has ended says nothing about it.</summary>
    public void FailTransaction(object scope, Exception exception)
    {
        var open = Volatile.Read(ref _scope);
        if (ReferenceEquals(open, scope) || ReferenceEquals(open, this))
            _faults.FailTransaction(
                exception as BrokerException ?? new TransactionAbortableException($"A record could not be made part of the transaction. {exception.Message}", exception));
    }

    /// <summary>
    /// Sends the open batches together with the commit, when the backend can do both in one step. False when it cannot: the batches have then been sent, each
    /// by itself, and their failures are known as those of other batches. No record is being accepted any more.
    /// </summary>
    public async ValueTask<bool> TryCommitAsync(IReadOnlyList<TransactionOffsets> offsets)
    {
        var closed = _opened.Close();
        if (closed.Count == 0)
            return false;
        bool isCommitted;
        try
        {
            isCommitted = await Backend.TryCommitAsync(Session!, closed, offsets).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            foreach (var batch in closed)
            {
                batch.Fail(exception);
                Finish(batch, wasPending: false, own: null);
            }
            closed.Clear();
            throw;
        }
        foreach (var batch in closed)
        {
            if (isCommitted)
                Finish(batch, wasPending: false, own: null);
            else
                FinishAll(batch.Member!.AppendClosed(batch), own: null);
        }
        closed.Clear();
        return isCommitted;
    }

    /// <summary>Nothing is sent any more.</summary>
    public void StopBy(BrokerException failure) => _faults.StopBy(failure);

    /// <summary>Forgets who this was, and why that one stopped: <see cref="StartAsync"/> takes a new identity. Nothing is open.</summary>
    public void DropIdentity()
    {
        lock (_startLock)
        {
            _starting = null;
            Session = null;
            _faults.ForgetCause();
        }
        Restart();
    }

    /// <summary>After the end of a transaction the identity is a new one: drops what is open and numbers from 0.</summary>
    public void Restart()
    {
        _opened.Restart();
        _faults.TakePostFailure();
    }

    // Closing

    /// <summary>
    /// Sends what is open, waits for it at most as long as the settings allow, then refuses everything. Never throws; failures nobody asked for are logged.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await DrainAsync(CancellationToken.None).AsTask().WaitAsync(Settings.CloseTimeout, Time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            ProducerLog.ClosedUnflushed(_logger, Settings.CloseTimeout);
        }
        _isClosed = true;
        // Whoever opens a batch on a route that is not seen here sees that the producer is closed.
        Interlocked.MemoryBarrier();
        SealAll();
        // On the scheduler, because a call that ends runs on into the caller's code.
        _completions.Schedule(static state => ((CancellationTokenSource)state!).Cancel(), _closing);
        _timer.Dispose();
        if (_faults.TakePostFailure() is { } failure)
            ProducerLog.PostFailureUnobserved(_logger, failure.Code, failure);
    }
}
