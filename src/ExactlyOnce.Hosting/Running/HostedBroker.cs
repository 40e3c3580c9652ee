using ExactlyOnce.Hosting.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ExactlyOnce.Hosting.Running;

/// <summary>
/// One broker in a host, from its opening to its closing, and the pipelines that run on it. Opens when the host starts, or before that when somebody's
/// constructor wants it: opening reads and replays the log and blocks, as every constructor at start does. Owns the pipelines, and the broker unless it was
/// given; thread-safe.
/// </summary>
internal sealed class HostedBroker : IAsyncDisposable
{
    private readonly BrokerRegistration _registration;
    private readonly IServiceProvider _provider;
    private readonly ILogger _logger;
    private readonly Lazy<Broker> _broker;
    private readonly AsyncLocal<HandlerFlow?> _handler = new();
    private readonly Lock _closeLock = new();
    private volatile HostedPipeline[] _pipelines = [];
    private volatile ExactlyOnceOptions? _options;
    private volatile Task? _closing;

    public HostedBroker(BrokerRegistration registration, IServiceProvider provider)
    {
        _registration = registration;
        _provider = provider;
        _logger = (provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance).CreateLogger("ExactlyOnce.Hosting");
#pragma warning disable RS0030 // The one place of this package where the system's clock comes in.
        Time = provider.GetService<TimeProvider>() ?? TimeProvider.System;
#pragma warning restore RS0030
        _broker = new Lazy<Broker>(Open);
    }

    public string Name => _registration.Name;

    public string Title => _registration.Title;

    public TimeProvider Time { get; private set; }

    /// <summary>Validated; throws what is wrong with them. Kept: services that are being disposed of answer no more, and this is still closed then.</summary>
    public ExactlyOnceOptions Options => _options ??= _provider.GetRequiredService<IOptionsMonitor<ExactlyOnceOptions>>().Get(Name);

    /// <summary>The open broker; opens it when it is not.</summary>
    public Broker Broker => _broker.Value;

    /// <summary>True from the moment the log has been recovered and the declared topics are there.</summary>
    public bool IsOpen => _broker.IsValueCreated && !IsClosed;

    public bool IsClosed => _closing is not null;

    public IReadOnlyList<HostedPipeline> Pipelines => _pipelines;

    /// <summary>The transaction of the handler in whose flow this is asked; null elsewhere. What the handler publishes belongs into it.</summary>
    public TransactionWriter? HandlersWriter => _handler.Value?.Writer;

    /// <summary>From here on, in this flow of control and until what this returns is disposed of, a handler is at work.</summary>
    public HandlerFlow EnterHandler(TransactionWriter writer) => _handler.Value = new HandlerFlow(writer);

    /// <summary>Opens the broker and makes the pipelines, so that whatever is wrong with either stops the host from starting.</summary>
    public void Start()
    {
        var broker = Broker;
        // One by one: when a later one cannot be made, the earlier ones are closed with all the rest.
        foreach (var pipeline in _registration.Pipelines)
            _pipelines = [.. _pipelines, new HostedPipeline(pipeline.Name, Create(pipeline, broker), _logger)];
        HostingLog.Opened(_logger, Title, _pipelines.Length);
    }

    public void RunPipelines()
    {
        foreach (var pipeline in _pipelines)
            pipeline.Run();
    }

    /// <summary>Has all pipelines finish the batch at hand, for as long as the options and the token allow; after that the batches are aborted.</summary>
    public async Task StopPipelinesAsync(CancellationToken cancellationToken)
    {
        if (!IsOpen)
            return;
        using var patience = new CancellationTokenSource(Options.DrainTimeout, Time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        var stopping = Task.WhenAll(_pipelines.Select(pipeline => pipeline.StopAsync(ending.Token)));
        await FinishAsync(stopping, "pipelines", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Closes the broker, if it was opened, for as long as the token allows.</summary>
    public Task CloseAsync(CancellationToken cancellationToken)
    {
        // Nobody waits any longer: what has not ended by now does not get a patience of its own, neither here nor when the services are disposed of.
        if (cancellationToken.IsCancellationRequested && IsOpen)
            Options.Broker.CloseTimeout = TimeSpan.Zero;
        return FinishAsync(DisposeAsync().AsTask(), "broker", cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        lock (_closeLock)
            return new ValueTask(_closing ??= _broker.IsValueCreated ? CloseAsync(_broker.Value) : Task.CompletedTask);
    }

    private async Task CloseAsync(Broker broker)
    {
        if (_registration.Given is null)
            await broker.DisposeAsync().ConfigureAwait(false);
        else
            await Task.WhenAll(_pipelines.Select(pipeline => pipeline.CloseAsync(Options.Broker.CloseTimeout, Time))).ConfigureAwait(false);
    }

    // What is not finished in time is left behind: the next opening recovers, and repeats nothing that was committed.
    private async Task FinishAsync(Task work, string what, CancellationToken cancellationToken)
    {
        try
        {
            await work.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            HostingLog.LeftBehind(_logger, Title, what);
        }
    }

    private Broker Open() => _registration.Given is { } given ? PrepareAsync(given).GetAwaiter().GetResult() : OpenAsync().GetAwaiter().GetResult();

    private async Task<Broker> OpenAsync()
    {
        var options = Options;
        options.Broker.LoggerFactory ??= _provider.GetService<ILoggerFactory>();
        options.Broker.TimeProvider ??= _provider.GetService<TimeProvider>();
        Time = options.Broker.TimeProvider ?? Time;
        var builder = Broker.CreateBuilder(options.Broker);
        foreach (var topic in _registration.Topics)
            builder.AddTopic(topic.Key, settings => Describe(topic, settings));
        return await builder.OpenAsync().ConfigureAwait(false);
    }

    private async Task<Broker> PrepareAsync(Broker given)
    {
        _ = Options;
        foreach (var topic in _registration.Topics)
            await given.Admin.EnsureTopicAsync(topic.Key, settings => Describe(topic, settings)).ConfigureAwait(false);
        return given;
    }

    private void Describe(KeyValuePair<string, Action<TopicOptions>?> topic, TopicOptions settings)
    {
        topic.Value?.Invoke(settings);
        var section = _provider.GetService<IConfiguration>() is { } configuration ? SectionNames.Of(configuration, Name) : null;
        Settings.Topics.ApplyOrThrow(section?.GetSection($"{SectionNames.Topics}:{topic.Key}"), settings);
    }

    private Pipeline Create(PipelineEntry pipeline, Broker broker)
    {
        try
        {
            return pipeline.Create(_provider, broker);
        }
        catch (ArgumentException exception)
        {
            throw new InvalidOperationException($"The pipeline '{pipeline.Name}' of {Title} cannot be made: {exception.Message}", exception);
        }
    }
}
