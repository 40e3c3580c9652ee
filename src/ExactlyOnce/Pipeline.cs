using ExactlyOnce.Clients.Pipelines;

namespace ExactlyOnce;

/// <summary>
/// Reads a topic, has the application work on its records, and makes what comes of it and the position true in one step: exactly once, whatever fails in
/// between. Made by <c>broker.CreatePipeline("billing").Read(Topics.Orders).Process(…)</c>; runs when it is told to, and can be run again.
/// </summary>
/// <example><code>
/// await using var billing = broker.CreatePipeline("billing")
///     .Read(Topics.Orders)
///     .Process(async (orders, output, ct) =>
///     {
///         foreach (var order in orders)
///             await output.SendAsync(Topics.Invoices, order.Key, Invoice.For(order.Value), ct);
///     });
/// await billing.RunAsync(ct);
/// </code></example>
public sealed class Pipeline : IAsyncDisposable
{
    private readonly Broker _broker;
    private readonly PipelinePlan _plan;
    private readonly Lock _lock = new();
    private PipelineRun? _run;
    private Task _running = Task.CompletedTask;
    private IReadOnlyCollection<TopicPartition> _stopped = [];
    private bool _isDisposed;

    internal Pipeline(Broker broker, PipelinePlan plan)
    {
        _broker = broker;
        _plan = plan;
        broker.Register(this);
    }

    /// <summary>The pipeline's name: its consumer group, and the beginning of its transactional ids.</summary>
    public string Name => _plan.Name;

    /// <summary>
    /// The partitions that the run, or the last one, has stopped at a record it fails on; see <see cref="WhenRetriesExhausted.StopPartition"/>.
    /// </summary>
    public IReadOnlyCollection<TopicPartition> StoppedPartitions
    {
        get
        {
            lock (_lock)
                return _run is null ? _stopped : [.. _run.StoppedPartitions];
        }
    }

    /// <summary>
    /// Runs until the token is cancelled or the pipeline is disposed; then the batch at hand is finished or aborted and this returns normally.
    /// </summary>
    /// <param name="cancellationToken">Ends the run.</param>
    /// <exception cref="HandlerFailedException">The handler failed on a record as often as it may, and the pipeline is to stop then.</exception>
    /// <exception cref="BrokerException">The pipeline cannot go on; see <see cref="BrokerException.Recovery"/>.</exception>
    /// <exception cref="InvalidOperationException">The pipeline is running already.</exception>
    /// <exception cref="ObjectDisposedException">The pipeline is disposed.</exception>
    public Task RunAsync(CancellationToken cancellationToken = default) => Start(untilCaughtUp: false, cancellationToken);

    /// <summary>
    /// Runs until there is nothing left to read on any of the topic's partitions: every record that a reader would be given is done and committed. A fact of
    /// the log, not a matter of time. Records of transactions that are still open are not waited for.
    /// </summary>
    /// <param name="cancellationToken">Ends the run early.</param>
    /// <exception cref="OperationCanceledException">The run was ended early.</exception>
    /// <exception cref="HandlerFailedException">The handler failed on a record as often as it may. When only its partition stopped, the others have caught
    /// up.</exception>
    /// <exception cref="BrokerException">The pipeline cannot go on; see <see cref="BrokerException.Recovery"/>.</exception>
    /// <exception cref="InvalidOperationException">The pipeline is running already.</exception>
    /// <exception cref="ObjectDisposedException">The pipeline is disposed.</exception>
    public Task RunUntilCaughtUpAsync(CancellationToken cancellationToken = default) => Start(untilCaughtUp: true, cancellationToken);

    /// <summary>
    /// Ends the run, if there is one, without haste: nothing more is read, the batch at hand is finished and committed. When the token is cancelled before
    /// that, the batch is aborted, as <see cref="DisposeAsync"/> does at once. The pipeline can be run again. Must not be awaited by the pipeline's own
    /// handler.
    /// </summary>
    /// <param name="cancellationToken">Ends the patience, not the waiting: a handler that does not heed its own token is still waited for.</param>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        Task running;
        PipelineRun? run;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            running = _running;
            run = _run;
        }
        // Not under the lock, here and below: a loop that ends runs on into the code of whoever waits for its end.
        run?.Drain();
        using var patience = cancellationToken.Register(() => run?.End());
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Ends the run, if there is one, and waits for its end. Must not be awaited by the pipeline's own handler.</summary>
    public async ValueTask DisposeAsync()
    {
        Task running;
        PipelineRun? run;
        lock (_lock)
        {
            _isDisposed = true;
            running = _running;
            run = _run;
        }
        run?.End();
        // How the run ended is told to whoever started it.
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _broker.Unregister(this);
    }

    private Task Start(bool untilCaughtUp, CancellationToken cancellationToken)
    {
        PipelineRun run;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_run is not null)
                throw new InvalidOperationException($"Pipeline '{Name}' is running already.");
            run = _run = new PipelineRun(untilCaughtUp, _plan.Options.Workers, cancellationToken);
        }
        var running = RunToEndAsync(run, cancellationToken);
        lock (_lock)
            _running = running;
        return running;
    }

    private async Task RunToEndAsync(PipelineRun run, CancellationToken cancellationToken)
    {
        try
        {
            await RunWorkersAsync(run).ConfigureAwait(false);
            run.ThrowIfFailed(cancellationToken);
        }
        finally
        {
            lock (_lock)
            {
                _stopped = [.. run.StoppedPartitions];
                _run = null;
                run.Dispose();
            }
        }
    }

    private async ValueTask RunWorkersAsync(PipelineRun run)
    {
        try
        {
            await _plan.PrepareAsync(run.Ending).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (run.Ending.IsCancellationRequested)
        {
            return;
        }
        var workers = new Task[_plan.Options.Workers];
        for (var worker = 0; worker < workers.Length; worker++)
            workers[worker] = _plan.RunWorkerAsync(worker, run);
        await Task.WhenAll(workers).ConfigureAwait(false);
    }
}
