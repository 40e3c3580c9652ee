namespace ExactlyOnce;

/// <summary>What a pipeline does about a record that its handler has failed on as often as it may.</summary>
public enum WhenRetriesExhausted
{
    /// <summary>The pipeline stops: <see cref="Pipeline.RunAsync"/> throws a <see cref="HandlerFailedException"/>. The default.</summary>
    Stop = 0,

    /// <summary>
    /// The record's partition stops, the others go on. Logged as an error, listed in <see cref="Pipeline.StoppedPartitions"/>, and thrown by
    /// <see cref="Pipeline.RunUntilCaughtUpAsync"/> at its end. The next run tries again.
    /// </summary>
    StopPartition,

    /// <summary>
    /// The record goes into the dead-letter topic, with the cause in its headers, in the same transaction that steps over it; then the pipeline goes on.
    /// </summary>
    DeadLetter,
}
