using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients.Producing;

/// <summary>What producers log. Event ids 2000 to 2099; they never change their meaning.</summary>
internal static partial class ProducerLog
{
    [LoggerMessage(2000, LogLevel.Error, "A producer stopped: a batch for {Partition} failed with {Code}.")]
    public static partial void Stopped(ILogger logger, TopicPartition partition, ErrorCode code, Exception cause);

    [LoggerMessage(2001, LogLevel.Warning, "A producer was closed before everything it had sent was acknowledged: it waited {CloseTimeout}.")]
    public static partial void ClosedUnflushed(ILogger logger, TimeSpan closeTimeout);

    [LoggerMessage(2002, LogLevel.Error, "A posted record failed with {Code}, and the producer was closed without a FlushAsync that would have told so.")]
    public static partial void PostFailureUnobserved(ILogger logger, ErrorCode code, Exception cause);

    [LoggerMessage(2003, LogLevel.Warning, "Aborting the transaction of '{TransactionalId}' failed; the broker aborts it when its timeout is over or its id is taken again.")]
    public static partial void AbortFailed(ILogger logger, string transactionalId, Exception cause);

    [LoggerMessage(2004, LogLevel.Information, "The transaction of '{TransactionalId}' is tried again, attempt {Attempt}, after {Code}.")]
    public static partial void TransactionRetried(ILogger logger, string transactionalId, int attempt, ErrorCode code);

    [LoggerMessage(2005, LogLevel.Warning, "Compressing a batch for {Partition} with {Compression} failed; it was sent uncompressed.")]
    public static partial void CompressionFailed(ILogger logger, TopicPartition partition, CompressionType compression, Exception cause);
}
