using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Hosting.Running;

/// <summary>What the host's part says. Event ids are stable: 4000 to 4099.</summary>
internal static partial class HostingLog
{
    [LoggerMessage(4000, LogLevel.Information, "{Title} is open; {Pipelines} pipelines and handlers start with the host.")]
    public static partial void Opened(ILogger logger, string title, int pipelines);

    [LoggerMessage(4001, LogLevel.Error, "Pipeline {Pipeline} has stopped and is not started again before the host is; the health check reports it.")]
    public static partial void PipelineFailed(ILogger logger, Exception exception, string pipeline);

    [LoggerMessage(
        4002, LogLevel.Warning,
        "{Title}: the host's shutdown timeout was over before its {What} had finished; the next start recovers and repeats nothing that was committed.")]
    public static partial void LeftBehind(ILogger logger, string title, string what);

    [LoggerMessage(4003, LogLevel.Warning, "Pipeline {Pipeline} has a handler that does not return; it is left behind on the broker that it was given.")]
    public static partial void PipelineLeftBehind(ILogger logger, string pipeline);
}
