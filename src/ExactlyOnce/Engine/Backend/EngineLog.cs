using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Engine.Backend;

/// <summary>What the engine writes to the host's log. Event ids are stable: 1000 to 1099.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1000, LogLevel.Information, "Broker opened in {Directory}, durability {Durability}, {Partitions} partitions, recovered in {Milliseconds} ms")]
    public static partial void Opened(ILogger logger, string directory, Durability durability, int partitions, long milliseconds);

    [LoggerMessage(1001, LogLevel.Information, "Broker closed")]
    public static partial void Closed(ILogger logger);

    [LoggerMessage(1002, LogLevel.Critical, "The journal failed; nothing is written any more. Reopen the directory once the cause is removed")]
    public static partial void JournalFailed(ILogger logger, Exception cause);

    [LoggerMessage(1003, LogLevel.Warning, "A checkpoint failed and is tried again")]
    public static partial void CheckpointFailed(ILogger logger, Exception cause);

    [LoggerMessage(1004, LogLevel.Warning, "Housekeeping failed and is tried again")]
    public static partial void HousekeepingFailed(ILogger logger, Exception cause);

    [LoggerMessage(1005, LogLevel.Warning, "{Count} transactions were open for longer than their timeout and were aborted")]
    public static partial void TransactionsTimedOut(ILogger logger, int count);

    [LoggerMessage(1006, LogLevel.Error, "The broker was not closed in order; the next opening recovers")]
    public static partial void CloseFailed(ILogger logger, Exception cause);

    [LoggerMessage(1007, LogLevel.Information, "Records of {Partition} in front of offset {LogStart} were dropped by retention")]
    public static partial void Retained(ILogger logger, TopicPartition partition, long logStart);

    [LoggerMessage(1008, LogLevel.Warning, "A checkpoint or a compaction has not ended within {Timeout}; the directory stays locked until it has, and the next opening recovers")]
    public static partial void HousekeepingGoesOn(ILogger logger, TimeSpan timeout);
}
