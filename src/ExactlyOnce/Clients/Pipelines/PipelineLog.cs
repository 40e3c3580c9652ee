using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients.Pipelines;

/// <summary>What pipelines say. Event ids are stable: 3100 to 3199.</summary>
internal static partial class PipelineLog
{
    [LoggerMessage(3100, LogLevel.Warning, "Pipeline {Pipeline} failed on {Partition}@{First}..{End} (attempt {Attempt} of {MaxAttempts}); it was aborted and is tried again in {Delay}.")]
    public static partial void AttemptFailed(
        ILogger logger, Exception exception, string pipeline, TopicPartition partition, long first, long end, int attempt, int maxAttempts, TimeSpan delay);

    [LoggerMessage(3101, LogLevel.Warning, "Pipeline {Pipeline} looks for the record it fails on in {Partition}@{First}..{End}: trying {Records} of them.")]
    public static partial void Splitting(ILogger logger, string pipeline, TopicPartition partition, long first, long end, int records);

    [LoggerMessage(3102, LogLevel.Error, "Pipeline {Pipeline} gave up {Partition}@{Offset} after {Attempts} attempts; it is in the dead-letter topic {DeadLetterTopic}.")]
    public static partial void DeadLettered(
        ILogger logger, Exception exception, string pipeline, TopicPartition partition, long offset, int attempts, string deadLetterTopic);

    [LoggerMessage(3103, LogLevel.Error, "Pipeline {Pipeline} stopped {Partition} at {Offset} after {Attempts} attempts; the other partitions go on.")]
    public static partial void PartitionStopped(ILogger logger, Exception exception, string pipeline, TopicPartition partition, long offset, int attempts);

    [LoggerMessage(3104, LogLevel.Error, "Pipeline {Pipeline} stopped.")]
    public static partial void Stopped(ILogger logger, Exception exception, string pipeline);

    [LoggerMessage(3105, LogLevel.Warning, "Worker {Worker} of pipeline {Pipeline} lost its place ({Code}); it is set up anew in {Delay}.")]
    public static partial void WorkerRecreated(ILogger logger, Exception exception, string pipeline, int worker, ErrorCode code, TimeSpan delay);
}
