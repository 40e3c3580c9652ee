using System.Globalization;

namespace ExactlyOnce.Confluent.Administration;

using global::Confluent.Kafka.Admin;

/// <summary>Kafka's names of what a topic is created with.</summary>
internal static class TopicConfigs
{
    /// <exception cref="FormatException">A name that is not known here, or not a value of it.</exception>
    public static TopicOptions ToOptions(TopicSpecification topic)
    {
        var options = new TopicOptions();
        if (topic.NumPartitions > 0)
            options.Partitions = topic.NumPartitions;
        foreach (var (name, value) in topic.Configs ?? [])
            Set(options, name, value);
        return options;
    }

    private static void Set(TopicOptions options, string name, string value)
    {
        switch (name)
        {
            case "retention.ms":
                options.RetainFor = ToTime(value);
                break;
            case "retention.bytes":
                options.RetainBytes = ToNumber(value);
                break;
            case "max.message.bytes":
                options.MaxMessageBytes = (int)ToNumber(value);
                break;
            case "segment.bytes":
                options.SegmentBytes = (int)ToNumber(value);
                break;
            case "segment.ms":
                options.SegmentAge = ToTime(value);
                break;
            case "cleanup.policy":
                options.Cleanup = value.Split(',').Aggregate(default(CleanupPolicy), (policy, each) => policy | Enum.Parse<CleanupPolicy>(each.Trim(), ignoreCase: true));
                break;
            case "message.timestamp.type":
                options.TimestampType = Enum.Parse<ExactlyOnce.TimestampType>(value, ignoreCase: true);
                break;
            case "min.insync.replicas" or "compression.type" or "unclean.leader.election.enable":
                // Of a cluster, or of no account in memory.
                break;
            default:
                throw new FormatException($"The topic configuration '{name}' is not known in process.");
        }
    }

    private static long ToNumber(string value) => long.Parse(value, CultureInfo.InvariantCulture);

    private static TimeSpan ToTime(string value) => ToNumber(value) is var ms && ms < 0 ? TopicOptions.Forever : TimeSpan.FromMilliseconds(ms);
}
