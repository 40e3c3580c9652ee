using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Hosting.Running;

/// <summary>A pipeline that runs with the host: its task, and how it ended. A pipeline that fails ends alone; the health check tells.</summary>
internal sealed class HostedPipeline(string name, Pipeline pipeline, ILogger logger)
{
    private volatile Exception? _failure;

    public string Name { get; } = name;

    /// <summary>What ended the pipeline while it should run; null while nothing did.</summary>
    public Exception? Failure => _failure;

    public IReadOnlyCollection<TopicPartition> StoppedPartitions => pipeline.StoppedPartitions;

    public void Run() => _ = RunAsync();

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await pipeline.StopAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            // Somebody has closed the broker by hand, and the pipeline with it.
        }
    }

    /// <summary>Ends it for good, on a broker that goes on without it; waits so long at most.</summary>
    public async Task CloseAsync(TimeSpan patience, TimeProvider time)
    {
        try
        {
            await pipeline.DisposeAsync().AsTask().WaitAsync(patience, time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            HostingLog.PipelineLeftBehind(logger, Name);
        }
    }

    private async Task RunAsync()
    {
        try
        {
            await pipeline.RunAsync().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            _failure = exception;
            HostingLog.PipelineFailed(logger, exception, Name);
        }
    }
}
