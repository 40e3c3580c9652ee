using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ExactlyOnce.Diagnostics;

/// <summary>What consumers and pipelines count. Once per batch and not per record; a few nanoseconds when nobody listens.</summary>
internal static class ProcessMeter
{
    public static readonly Counter<long> ConsumedMessages = ClientMeter.Meter.CreateCounter<long>(
        TelemetryNames.ConsumedMessages, "{message}", "Messages given to the application, once per delivery.");

    public static readonly Histogram<double> ProcessDuration = ClientMeter.CreateDuration(
        TelemetryNames.ProcessDuration, "Duration of processing a batch, its commit included.");

    public static readonly Counter<long> HandlerRetries = ClientMeter.Meter.CreateCounter<long>(
        TelemetryNames.HandlerRetries, "{batch}", "Batches that a pipeline's handler failed on and that are tried again.");

    public static readonly Counter<long> HandlerDeadLettered = ClientMeter.Meter.CreateCounter<long>(
        TelemetryNames.HandlerDeadLettered, "{message}", "Messages that a pipeline moved to its dead-letter topic.");

    /// <summary>Counts what was given to a loop.</summary>
    public static void RecordConsumed(string topic, string? group, int count)
    {
        if (ConsumedMessages.Enabled)
            ConsumedMessages.TryAdd(count, Tags(TelemetryNames.Poll, topic, group));
    }

    /// <summary>Counts a batch that was worked on.</summary>
    public static void RecordProcess(TimeProvider time, long beganAt, TopicPartition partition, string group, Exception? failure)
    {
        if (!ProcessDuration.Enabled)
            return;
        var tags = TagsOf(partition, group);
        if (failure is not null)
            tags.Add(TelemetryNames.ErrorType, TelemetryNames.ErrorTypeOf(failure));
        ProcessDuration.TryRecord(time.GetElapsedTime(beganAt).TotalSeconds, tags);
    }

    public static TagList TagsOf(TopicPartition partition, string group) => Tags(TelemetryNames.Process, partition.Topic, group);

    private static TagList Tags(string operation, string topic, string? group)
    {
        var tags = new TagList
        {
            { TelemetryNames.SystemName, TelemetryNames.System },
            { TelemetryNames.OperationName, operation },
            { TelemetryNames.DestinationName, topic },
        };
        if (group is not null)
            tags.Add(TelemetryNames.ConsumerGroupName, group);
        return tags;
    }
}
