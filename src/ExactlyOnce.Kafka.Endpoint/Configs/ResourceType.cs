namespace ExactlyOnce.Kafka.Endpoint.Configs;

/// <summary>What has configurations, in the protocol's numbers.</summary>
internal enum ResourceType : sbyte
{
    Topic = 2,
    Broker = 4,
    BrokerLogger = 8,
    ClientMetrics = 16,
    Group = 32,
}
