using System.Diagnostics;
using System.Diagnostics.Metrics;
using ExactlyOnce.Diagnostics;

namespace ExactlyOnce.Sql.Sinks;

/// <summary>What sinks count.</summary>
internal static class SinkMeter
{
    private static readonly Meter s_meter = new(new MeterOptions(TelemetryNames.SinksSource) { TelemetrySchemaUrl = TelemetryNames.SchemaUrl });

    private static readonly Counter<long> s_duplicatesSkipped = s_meter.CreateCounter<long>(
        TelemetryNames.SinkDuplicatesSkipped, "{message}", "Messages that a commit whose answer was lost had written, and that were not written again.");

    /// <summary>Counts what a batch would have written a second time.</summary>
    public static void RecordSkipped(TopicPartition partition, string consumer, int count)
    {
        if (count > 0 && s_duplicatesSkipped.Enabled)
            s_duplicatesSkipped.Add(count, new TagList
            {
                { TelemetryNames.SystemName, TelemetryNames.System },
                { TelemetryNames.OperationName, TelemetryNames.Process },
                { TelemetryNames.DestinationName, partition.Topic },
                { TelemetryNames.ConsumerGroupName, consumer },
            });
    }
}
