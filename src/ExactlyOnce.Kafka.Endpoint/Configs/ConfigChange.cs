using ExactlyOnce.Engine.Coordination;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Configs;

/// <summary>What became of a change of configuration.</summary>
internal readonly record struct ConfigChangeOutcome(KafkaError Error, string? Message);

/// <summary>Carries out changes of topic configurations, for the old API and the new one.</summary>
internal static class ConfigChange
{
    /// <param name="type">What kind of resource.</param>
    /// <param name="name">Which one.</param>
    /// <param name="change">Changes the options of the topic as they are; answers a complaint or null.</param>
    /// <param name="validateOnly">Change nothing.</param>
    /// <param name="call">Who asks.</param>
    public static async ValueTask<ConfigChangeOutcome> RunAsync(sbyte type, string name, Func<TopicOptions, string?> change, bool validateOnly, Call call)
    {
        if ((ResourceType)type == ResourceType.Broker && !call.AllowsCluster(AclOperation.AlterConfigs))
            return new(KafkaError.ClusterAuthorizationFailed, "No rule allows it.");
        if ((ResourceType)type == ResourceType.Topic && !call.AllowsTopic(AclOperation.AlterConfigs, name))
            return new(KafkaError.TopicAuthorizationFailed, "No rule allows it.");
        if ((ResourceType)type != ResourceType.Topic)
            return new(KafkaError.InvalidRequest, "Only the configuration of topics can be changed here; the broker's is its host's.");
        if (!Topic.IsValidName(name))
            return new(KafkaError.InvalidTopicException, "Not the name of a topic.");
        if (call.Backend.TryGetTopic(name) is not { } topic)
            return new(KafkaError.UnknownTopicOrPartition, "There is no such topic.");
        var options = topic.Options.Clone();
        options.Partitions = topic.Partitions;
        if ((change(options) ?? TopicCatalog.DescribeInvalid(options)) is { } complaint)
            return new(KafkaError.InvalidConfig, complaint);
        try
        {
            if (!validateOnly)
                await call.Backend.AlterTopicAsync(name, options, call.Cancelled).ConfigureAwait(false);
            return default;
        }
        catch (BrokerException exception)
        {
            return new(exception.ToKafka(), exception.Message);
        }
    }
}
