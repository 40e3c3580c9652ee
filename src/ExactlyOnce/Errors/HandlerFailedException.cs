namespace ExactlyOnce;

/// <summary>
/// A handler of the application failed on a record as often as it may. The record is not done: nothing of what the handler wrote for it is visible, and the
/// position stays in front of it. The inner exception is the handler's own.
/// </summary>
public sealed class HandlerFailedException : BrokerException
{
    /// <summary>Creates the exception.</summary>
    public HandlerFailedException(string message, TopicPartition topicPartition, long offset, int attempts, Exception innerException)
        : base(ErrorCode.HandlerFailed, message, innerException)
    {
        TopicPartition = topicPartition;
        Offset = offset;
        Attempts = attempts;
    }

    /// <summary>
    /// For a handler of batches to throw: says which record it failed on, so that only this one is tried again and, in the end, dead-lettered. Without it a
    /// pipeline looks for the record in ever smaller pieces of the batch.
    /// </summary>
    /// <param name="topicPartition">The batch's partition.</param>
    /// <param name="offset">The record's offset.</param>
    /// <param name="cause">What went wrong.</param>
    public static HandlerFailedException At(TopicPartition topicPartition, long offset, Exception cause)
    {
        ArgumentNullException.ThrowIfNull(cause);
        return new HandlerFailedException($"The handler failed on {topicPartition}@{offset}: {cause.Message}", topicPartition, offset, 1, cause);
    }

    /// <inheritdoc/>
    public override ErrorRecovery Recovery => ErrorRecovery.Stop;

    /// <summary>The partition of the record.</summary>
    public TopicPartition TopicPartition { get; }

    /// <summary>The record's offset; for a handler of batches that of the batch's first record.</summary>
    public long Offset { get; }

    /// <summary>How often it was tried.</summary>
    public int Attempts { get; }
}
