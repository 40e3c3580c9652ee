using System.Data.Common;
using ExactlyOnce.Sql.Outboxes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ExactlyOnce.Sql;

/// <summary>
/// Reads an outbox into topics, each row exactly once, whatever dies. There is one relay of an outbox at a time: a newer one, in whatever process, makes the
/// older one stop. Made by <see cref="SqlOutbox.CreateRelay"/>; runs when it is told to, and can be run again.
/// </summary>
/// <remarks>
/// <para>Rows that one transaction wrote go out in the order in which they were written, and behind everything that was committed before that transaction began
/// to write; within a topic the log keeps that order per key. A transaction that writes to several topics appears in them one after the other.</para>
/// <para>Failures that may pass (the database does not answer, the disk is full for a moment) are waited out. Those that need somebody end the run, with an
/// exception that says what to do.</para>
/// </remarks>
public sealed class OutboxRelay : IAsyncDisposable
{
    private readonly Broker _broker;
    private readonly ConnectionSource _connections;
    private readonly SqlOutboxOptions _options;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _disposing = new();
    private readonly Lock _lock = new();
    private TaskCompletionSource _wake = NewSignal();
    private Task _running = Task.CompletedTask;

    internal OutboxRelay(Broker broker, ConnectionSource connections, SqlOutboxOptions options)
    {
        _broker = broker;
        _connections = connections;
        _options = options;
        _logger = options.LoggerFactory?.CreateLogger("ExactlyOnce.Outbox") ?? NullLogger.Instance;
    }

    /// <summary>The outbox's name.</summary>
    public string Name => _options.Name;

    /// <summary>What the relay is waiting out now: the last failure since something worked; null when there is none. For health checks.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Publishes until the token is cancelled or the relay is disposed; then this returns normally.</summary>
    /// <param name="cancellationToken">Ends the run.</param>
    /// <exception cref="StaleEpochException">A newer relay has taken over.</exception>
    /// <exception cref="SqlMismatchException">Somebody has to look at it; the message says at what.</exception>
    /// <exception cref="BrokerException">The relay cannot go on; see <see cref="BrokerException.Recovery"/>.</exception>
    /// <exception cref="InvalidOperationException">The relay is running already.</exception>
    /// <exception cref="ObjectDisposedException">The relay is disposed.</exception>
    public Task RunAsync(CancellationToken cancellationToken = default) => Start(untilEmpty: false, cancellationToken);

    /// <summary>Publishes everything that is committed in the outbox, and returns when it is in the log and the outbox is empty.</summary>
    /// <param name="cancellationToken">Ends the run early.</param>
    /// <exception cref="OperationCanceledException">The run was ended early.</exception>
    /// <exception cref="StaleEpochException">A newer relay has taken over.</exception>
    /// <exception cref="SqlMismatchException">Somebody has to look at it; the message says at what.</exception>
    /// <exception cref="BrokerException">The relay cannot go on; see <see cref="BrokerException.Recovery"/>.</exception>
    /// <exception cref="InvalidOperationException">The relay is running already.</exception>
    /// <exception cref="ObjectDisposedException">The relay is disposed.</exception>
    public Task RunUntilEmptyAsync(CancellationToken cancellationToken = default) => Start(untilEmpty: true, cancellationToken);

    /// <summary>Something was committed in this process: a relay that waits looks at once. Never needed for correctness.</summary>
    public void Wake() => Volatile.Read(ref _wake).TrySetResult();

    /// <summary>Ends the run, if there is one, and waits for its end.</summary>
    public async ValueTask DisposeAsync()
    {
        Task running;
        lock (_lock)
        {
            if (!_disposing.IsCancellationRequested)
                _disposing.Cancel();
            running = _running;
        }
        // How the run ended is told to whoever started it.
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private Task Start(bool untilEmpty, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
            if (!_running.IsCompleted)
                throw new InvalidOperationException($"The relay of outbox '{Name}' is running already.");
            return _running = RunAsync(untilEmpty, cancellationToken);
        }
    }

    private async Task RunAsync(bool untilEmpty, CancellationToken cancellationToken)
    {
        // What started the run goes on; it may hold a lock, and drivers of embedded databases do not yield.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposing.Token);
        try
        {
            await RunUntilEndingAsync(untilEmpty, ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested && !untilEmpty)
        {
            // Rows at hand are published or are not: the next run finds out.
        }
    }

    private async Task RunUntilEndingAsync(bool untilEmpty, CancellationToken ending)
    {
        var source = new OutboxSource(_connections, _options);
        await using var publisher = new OutboxPublisher(_broker, Name, source);
        var isClaimed = false;
        var failures = 0;
        while (true)
        {
            try
            {
                if (!isClaimed)
                    await source.ClaimAsync(ending).ConfigureAwait(false);
                isClaimed = true;
                var isEmpty = !await PublishNextAsync(source, publisher, ending).ConfigureAwait(false);
                NoteSuccess(ref failures);
                if (isEmpty && untilEmpty)
                    return;
                if (isEmpty)
                    await WaitForRowsAsync(ending).ConfigureAwait(false);
            }
            catch (Exception exception) when (MayPass(exception))
            {
                Failure = exception;
                var delay = DelayAfter(++failures);
                OutboxLog.Failed(_logger, exception, Name, failures, delay);
                await publisher.DisposeAsync().ConfigureAwait(false);
                // Not ended by Wake: who writes a lot would wake a relay whose database is in trouble without a pause.
                await Task.Delay(delay, _options.TimeProvider, ending).ConfigureAwait(false);
            }
        }
    }

    private void NoteSuccess(ref int failures)
    {
        if (failures == 0)
            return;
        OutboxLog.GoesOn(_logger, Name, failures);
        failures = 0;
        Failure = null;
    }

    private async ValueTask<bool> PublishNextAsync(OutboxSource source, OutboxPublisher publisher, CancellationToken ending)
    {
        var signal = Volatile.Read(ref _wake);
        if (signal.Task.IsCompleted)
            Interlocked.CompareExchange(ref _wake, NewSignal(), signal);
        var rows = await source.ReadAsync(ending).ConfigureAwait(false);
        if (rows.Count == 0)
            return false;
        await publisher.PublishAsync(rows, ending).ConfigureAwait(false);
        await source.DeleteAsync(rows[^1], ending).ConfigureAwait(false);
        return true;
    }

    // A newer relay is at work: coming back would make that one stop in turn.
    private static bool MayPass(Exception exception) => exception switch
    {
        StaleEpochException => false,
        BrokerException broker => broker.Recovery is ErrorRecovery.Retry or ErrorRecovery.RecreateClient or ErrorRecovery.AbortTransaction,
        DbException or TimeoutException or IOException => true,
        _ => false,
    };

    private TimeSpan DelayAfter(int failures) =>
        TimeSpan.FromTicks(Math.Min(_options.MaxRetryDelay.Ticks, (_options.MaxRetryDelay.Ticks / 100) << Math.Min(failures - 1, 7)));

    private async ValueTask WaitForRowsAsync(CancellationToken ending)
    {
        using var waking = CancellationTokenSource.CreateLinkedTokenSource(ending);
        await Task.WhenAny(Volatile.Read(ref _wake).Task, Task.Delay(_options.PollInterval, _options.TimeProvider, waking.Token)).ConfigureAwait(false);
        await waking.CancelAsync().ConfigureAwait(false);
        ending.ThrowIfCancellationRequested();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
