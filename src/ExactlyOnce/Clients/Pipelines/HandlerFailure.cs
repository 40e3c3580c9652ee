namespace ExactlyOnce.Clients.Pipelines;

/// <summary>
/// What the application's code threw, on its way from where it was called to the worker that decides what becomes of the batch. Never leaves the library.
/// </summary>
internal sealed class HandlerFailure(Exception cause, long? offset) : Exception(cause.Message, cause)
{
    public Exception Cause => InnerException!;

    /// <summary>The record that was being worked on; null when only the batch is known.</summary>
    public long? Offset { get; } = offset;

    /// <summary>
    /// True for exceptions that say something about the handler. Not for a cancelled run, nor for a client that is of no use any more, whoever meets it first.
    /// </summary>
    public static bool Is(Exception exception, CancellationToken ending) => exception switch
    {
        OperationCanceledException => !ending.IsCancellationRequested,
        HandlerFailedException => true,
        BrokerException { Recovery: ErrorRecovery.RecreateClient or ErrorRecovery.Stop } => false,
        HandlerFailure => false,
        _ => true,
    };

    /// <summary>What the handler threw; a <see cref="HandlerFailedException"/> of its own names the record it failed on.</summary>
    public static HandlerFailure Of(Exception exception, TopicPartition partition) =>
        exception is HandlerFailedException { InnerException: { } cause } named && named.TopicPartition == partition
            ? new HandlerFailure(cause, named.Offset)
            : new HandlerFailure(exception, offset: null);
}
