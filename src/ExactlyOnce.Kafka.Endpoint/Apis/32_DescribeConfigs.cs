using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Configs;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DescribeConfigsRequest : IMessage
{
    public Resource[] Resources = [];
    public bool IncludeSynonyms;
    public bool IncludeDocumentation;

    public void Fields(Wire wire)
    {
        wire.Array(ref Resources);
        wire.Bool(ref IncludeSynonyms);
        wire.Bool(ref IncludeDocumentation, from: 3);
    }

    internal sealed class Resource : IMessage
    {
        public sbyte ResourceType;
        public string ResourceName = "";
        public string[]? ConfigurationKeys;

        public void Fields(Wire wire)
        {
            wire.Int8(ref ResourceType);
            wire.String(ref ResourceName);
            wire.NullableStrings(ref ConfigurationKeys);
        }
    }
}

internal sealed class DescribeConfigsResponse : IMessage
{
    public int ThrottleTimeMs;
    public Result[] Results = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref Results);
    }

    internal sealed class Result : IMessage
    {
        public KafkaError ErrorCode;
        public string? ErrorMessage;
        public sbyte ResourceType;
        public string ResourceName = "";
        public Config[] Configs = [];

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
            wire.Int8(ref ResourceType);
            wire.String(ref ResourceName);
            wire.Array(ref Configs);
        }
    }

    internal sealed class Config : IMessage
    {
        public string Name = "";
        public string? Value;
        public bool ReadOnly;
        public sbyte ConfigSource = -1;
        public bool IsSensitive;
        public Synonym[] Synonyms = [];
        public sbyte ConfigType;
        public string? Documentation;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.NullableString(ref Value);
            wire.Bool(ref ReadOnly);
            wire.Int8(ref ConfigSource);
            wire.Bool(ref IsSensitive);
            wire.Array(ref Synonyms);
            wire.Int8(ref ConfigType, from: 3);
            wire.NullableString(ref Documentation, from: 3);
        }
    }

    internal sealed class Synonym : IMessage
    {
        public string Name = "";
        public string? Value;
        public sbyte Source;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.NullableString(ref Value);
            wire.Int8(ref Source);
        }
    }
}

/// <summary>Shows the configuration of topics, which can be changed, and of the broker, which cannot.</summary>
internal sealed class DescribeConfigsApi() : Api<DescribeConfigsRequest, DescribeConfigsResponse>(32, "DescribeConfigs", 1, 4, flexibleFrom: 4)
{
    private const string NotAllowed = "No rule allows it.";

    protected override ValueTask<DescribeConfigsResponse?> HandleAsync(DescribeConfigsRequest request, Call call)
    {
        var seen = new HashSet<(sbyte, string)>();
        return new(new DescribeConfigsResponse
        {
            Results = Array.ConvertAll(request.Resources, resource => seen.Add((resource.ResourceType, resource.ResourceName))
                ? Describe(resource, request.IncludeSynonyms, call)
                : Refused(resource, KafkaError.InvalidRequest, "The request names this resource twice.")),
        });
    }

    private static DescribeConfigsResponse.Result Describe(DescribeConfigsRequest.Resource resource, bool withSynonyms, Call call) =>
        (ResourceType)resource.ResourceType switch
    {
        ResourceType.Topic when !Topic.IsValidName(resource.ResourceName) => Refused(resource, KafkaError.InvalidTopicException, "Not the name of a topic."),
        ResourceType.Topic when !call.AllowsTopic(AclOperation.DescribeConfigs, resource.ResourceName) =>
            Refused(resource, KafkaError.TopicAuthorizationFailed, NotAllowed),
        ResourceType.Broker when !call.AllowsCluster(AclOperation.DescribeConfigs) => Refused(resource, KafkaError.ClusterAuthorizationFailed, NotAllowed),
        ResourceType.Topic => call.Backend.TryGetTopic(resource.ResourceName) is { } topic
            ? Described(resource, TopicConfigs.All.Select(config => ToWire(config, topic.Options, withSynonyms)))
            : Refused(resource, KafkaError.UnknownTopicOrPartition, "There is no such topic."),
        ResourceType.Broker when BrokerConfigs.IsThisBroker(resource.ResourceName, call.Server.Options) =>
            Described(resource, BrokerConfigs.Of(call.Server.Options).Select(config => ToWire(config, withSynonyms))),
        ResourceType.Broker => Refused(resource, KafkaError.InvalidRequest, $"There is one broker, {call.Server.Options.BrokerId}."),
        _ => Refused(resource, KafkaError.InvalidRequest, "Topics and the broker have configurations here."),
    };

    private static DescribeConfigsResponse.Result Described(DescribeConfigsRequest.Resource resource, IEnumerable<DescribeConfigsResponse.Config> configs) =>
        new()
        {
            ResourceType = resource.ResourceType,
            ResourceName = resource.ResourceName,
            Configs = [.. configs.Where(config => resource.ConfigurationKeys is null || resource.ConfigurationKeys.Contains(config.Name))],
        };

    private static DescribeConfigsResponse.Config ToWire(TopicConfig config, TopicOptions options, bool withSynonyms)
    {
        var source = config.IsDefault(options) ? ConfigSource.Default : ConfigSource.DynamicTopic;
        var (value, isDefault) = (config.Get(options), source == ConfigSource.Default);
        DescribeConfigsResponse.Synonym[] own = isDefault ? [] : [ToSynonym(config.Name, value, source)];
        return new DescribeConfigsResponse.Config
        {
            Name = config.Name,
            Value = value,
            ConfigSource = (sbyte)source,
            ConfigType = (sbyte)config.Type,
            Synonyms = withSynonyms ? [.. own, ToSynonym(config.Name, config.DefaultValue, ConfigSource.Default)] : [],
        };
    }

    private static DescribeConfigsResponse.Config ToWire(BrokerConfig config, bool withSynonyms) => new()
    {
        Name = config.Name,
        Value = config.Value,
        ReadOnly = true,
        ConfigSource = (sbyte)ConfigSource.StaticBroker,
        ConfigType = (sbyte)config.Type,
        Synonyms = withSynonyms ? [ToSynonym(config.Name, config.Value, ConfigSource.StaticBroker)] : [],
    };

    private static DescribeConfigsResponse.Synonym ToSynonym(string name, string value, ConfigSource source) =>
        new() { Name = name, Value = value, Source = (sbyte)source };

    private static DescribeConfigsResponse.Result Refused(DescribeConfigsRequest.Resource resource, KafkaError error, string message) =>
        new() { ErrorCode = error, ErrorMessage = message, ResourceType = resource.ResourceType, ResourceName = resource.ResourceName };
}
