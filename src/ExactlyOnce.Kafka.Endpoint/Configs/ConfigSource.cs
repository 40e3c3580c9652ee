namespace ExactlyOnce.Kafka.Endpoint.Configs;

/// <summary>Where the value of a configuration comes from, in the protocol's numbers.</summary>
internal enum ConfigSource : sbyte
{
    DynamicTopic = 1,
    StaticBroker = 4,
    Default = 5,
}
