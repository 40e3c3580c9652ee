using System.Globalization;

namespace ExactlyOnce.Kafka.Endpoint.Configs;

/// <summary>One configuration of the broker, as tools look it up.</summary>
internal readonly record struct BrokerConfig(string Name, ConfigType Type, string Value);

/// <summary>What the broker says of itself when it is asked for its configuration. None of it can be changed over the wire.</summary>
internal static class BrokerConfigs
{
    public static IReadOnlyList<BrokerConfig> Of(KafkaEndpointOptions options)
    {
        var topic = new TopicOptions();
        return
        [
            new("auto.create.topics.enable", ConfigType.Bool, options.AutoCreateTopics ? "true" : "false"),
            new("broker.id", ConfigType.Int32, Text(options.BrokerId)),
            new("compression.type", ConfigType.String, "producer"),
            new("connections.max.idle.ms", ConfigType.Int64, Text((long)options.IdleTimeout.TotalMilliseconds)),
            new("default.replication.factor", ConfigType.Int32, "1"),
            new("delete.topic.enable", ConfigType.Bool, "true"),
            new("fetch.max.bytes", ConfigType.Int32, Text(options.MaxFetchBytes)),
            new("log.cleanup.policy", ConfigType.List, "delete"),
            new("log.message.timestamp.type", ConfigType.String, "CreateTime"),
            new("log.retention.bytes", ConfigType.Int64, Text(topic.RetainBytes)),
            new("log.retention.ms", ConfigType.Int64, Text((long)topic.RetainFor.TotalMilliseconds)),
            new("log.segment.bytes", ConfigType.Int32, Text(topic.SegmentBytes)),
            new("message.max.bytes", ConfigType.Int32, Text(topic.MaxMessageBytes)),
            new("min.insync.replicas", ConfigType.Int32, "1"),
            new("node.id", ConfigType.Int32, Text(options.BrokerId)),
            new("num.partitions", ConfigType.Int32, Text(options.DefaultPartitions)),
            new("offset.metadata.max.bytes", ConfigType.Int32, "4096"),
            new("offsets.topic.replication.factor", ConfigType.Int16, "1"),
            new("socket.request.max.bytes", ConfigType.Int32, Text(options.MaxRequestBytes)),
            new("transaction.state.log.replication.factor", ConfigType.Int16, "1"),
            new("unclean.leader.election.enable", ConfigType.Bool, "false"),
        ];
    }

    /// <summary>The broker by its number, or the default of all brokers, which has no name.</summary>
    public static bool IsThisBroker(string name, KafkaEndpointOptions options) => name.Length == 0 || name == Text(options.BrokerId);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
