using ExactlyOnce.Clients.Consuming;
using ExactlyOnce.Clients.Producing;
using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>What a pipeline is, whatever its types: enough to run it.</summary>
internal abstract class PipelinePlan(string name, BrokerBackend backend, PipelineOptions options)
{
    public string Name { get; } = name;

    public BrokerBackend Backend { get; } = backend;

    /// <summary>Validated, and not changed by anybody else.</summary>
    public PipelineOptions Options { get; } = options;

    public ILogger Logger { get; } = backend.LoggerFactory.CreateLogger("ExactlyOnce.Pipeline");

    /// <summary>What must exist before the first worker starts.</summary>
    public abstract ValueTask PrepareAsync(CancellationToken cancellationToken);

    /// <summary>Runs one worker until the run ends. Reports failures to the run and does not throw.</summary>
    public abstract Task RunWorkerAsync(int worker, PipelineRun run);
}

/// <summary>What a pipeline is: a topic, and outputs for its batches.</summary>
/// <param name="topic">The topic read.</param>
/// <param name="name">The pipeline's name: its group, and the beginning of its transactional ids.</param>
/// <param name="backend">The broker.</param>
/// <param name="options">Validated.</param>
/// <param name="mayCreateTopics">Whether topics that do not exist are created.</param>
/// <param name="openOutput">Opens the output of the worker with this number.</param>
internal sealed class PipelinePlan<TKey, TValue>(
    Topic<TKey, TValue> topic,
    string name,
    BrokerBackend backend,
    PipelineOptions options,
    bool mayCreateTopics,
    Func<int, CancellationToken, ValueTask<PipelineOutput<TKey, TValue>>> openOutput) : PipelinePlan(name, backend, options)
{
    public Topic<TKey, TValue> Topic { get; } = topic;

    public override async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        var source = await TopicResolution.ResolveAsync(Backend, Topic.Name, mayCreateTopics, cancellationToken).ConfigureAwait(false);
        if (Options.DeadLetterTopic is not { } deadLetters || Backend.TryGetTopic(deadLetters) is not null)
            return;
        try
        {
            await Backend.CreateTopicAsync(deadLetters, new TopicOptions { Partitions = source.Partitions }, cancellationToken).ConfigureAwait(false);
        }
        catch (BrokerException exception) when (exception.Code == ErrorCode.TopicAlreadyExists)
        {
            // Somebody else was faster: it is there, which is all that matters.
        }
    }

    public override Task RunWorkerAsync(int worker, PipelineRun run) => new PipelineWorker<TKey, TValue>(this, worker, run).RunAsync();

    public ValueTask<PipelineOutput<TKey, TValue>> OpenOutputAsync(int worker, CancellationToken cancellationToken) => openOutput(worker, cancellationToken);

    public ConsumerSession OpenSession(PipelineOutput<TKey, TValue> output, PipelineRun run)
    {
        var options = Options.ToConsumerOptions(Name);
        // Whoever only wants to catch up does not wait for more.
        if (run.UntilCaughtUp)
            options.MaxBatchWait = TimeSpan.Zero;
        ConsumerSession? session = null;
        session = new ConsumerSession(Backend, Topic.Name, options, mayCreateTopics)
        {
            FindPosition = output.FindPosition,
            StoreStart = (partition, offset, token) => output.StoreStartAsync(session!, partition, offset, token),
            WhenIdle = run.UntilCaughtUp ? token => EndIfCaughtUpAsync(output, run, token) : null,
        };
        return session;
    }

    private async ValueTask EndIfCaughtUpAsync(PipelineOutput<TKey, TValue> output, PipelineRun run, CancellationToken cancellationToken)
    {
        if (await CaughtUp.CheckAsync(this, output, run, cancellationToken).ConfigureAwait(false))
            run.CatchUp();
    }
}
