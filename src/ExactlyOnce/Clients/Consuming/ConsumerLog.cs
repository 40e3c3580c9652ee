using Microsoft.Extensions.Logging;

namespace ExactlyOnce.Clients.Consuming;

/// <summary>What consumers say. Event ids are stable: 3000 to 3099.</summary>
internal static partial class ConsumerLog
{
    [LoggerMessage(3000, LogLevel.Debug, "Consumer of {Topic} started with {Partitions} partitions.")]
    public static partial void Started(ILogger logger, string topic, int partitions);

    [LoggerMessage(3001, LogLevel.Warning,
        "Offset {Lost} of {Partition} is not in the log any more, or never was (the log holds {LogStart} to {HighWatermark}); reading goes on at {Position}.")]
    public static partial void OffsetLost(ILogger logger, TopicPartition partition, long lost, long logStart, long highWatermark, long position);

    [LoggerMessage(3002, LogLevel.Information, "Member {Member} of group {Group} gained {Partition} at offset {Offset}.")]
    public static partial void PartitionGained(ILogger logger, string member, string group, TopicPartition partition, long offset);

    [LoggerMessage(3003, LogLevel.Information, "Member {Member} of group {Group} gave up {Partition} at offset {Offset}.")]
    public static partial void PartitionGivenUp(ILogger logger, string member, string group, TopicPartition partition, long offset);

    [LoggerMessage(3010, LogLevel.Error, "The handler of a subscription to {Topic} failed on {Partition}@{Offset}; the subscription has stopped.")]
    public static partial void SubscriptionFailed(ILogger logger, Exception exception, string topic, TopicPartition partition, long offset);

    [LoggerMessage(3011, LogLevel.Error, "A subscription to {Topic} has stopped.")]
    public static partial void SubscriptionStopped(ILogger logger, Exception exception, string topic);
}
