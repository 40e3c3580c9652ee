namespace ExactlyOnce.Kafka.Endpoint.Configs;

/// <summary>The numbers of the protocol's configuration types.</summary>
internal enum ConfigType : sbyte
{
    Unknown = 0,
    Bool = 1,
    String = 2,
    Int32 = 3,
    Int16 = 4,
    Int64 = 5,
    Double = 6,
    List = 7,
}

/// <summary>One topic configuration of Kafka: how it is read from a topic's options and set in them.</summary>
internal sealed record TopicConfig(string Name, ConfigType Type, Func<TopicOptions, string> Get, Action<TopicOptions, string> Set)
{
    public string DefaultValue { get; } = Get(new TopicOptions());

    public bool IsDefault(TopicOptions options) => Get(options) == DefaultValue;
}
