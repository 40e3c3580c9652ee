using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Configs;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class AlterConfigsRequest : IMessage
{
    public Resource[] Resources = [];
    public bool ValidateOnly;

    public void Fields(Wire wire)
    {
        wire.Array(ref Resources);
        wire.Bool(ref ValidateOnly);
    }

    internal sealed class Resource : IMessage
    {
        public sbyte ResourceType;
        public string ResourceName = "";
        public Config[] Configs = [];

        public void Fields(Wire wire)
        {
            wire.Int8(ref ResourceType);
            wire.String(ref ResourceName);
            wire.Array(ref Configs);
        }
    }

    internal sealed class Config : IMessage
    {
        public string Name = "";
        public string? Value;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.NullableString(ref Value);
        }
    }
}

internal sealed class AlterConfigsResponse : IMessage
{
    public int ThrottleTimeMs;
    public Resource[] Responses = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref Responses);
    }

    internal sealed class Resource : IMessage
    {
        public KafkaError ErrorCode;
        public string? ErrorMessage;
        public sbyte ResourceType;
        public string ResourceName = "";

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage);
            wire.Int8(ref ResourceType);
            wire.String(ref ResourceName);
        }
    }
}

/// <summary>
/// Replaces the whole configuration of topics: what is not named gets its default back. Old; <see cref="IncrementalAlterConfigsApi"/> is the one to use.
/// </summary>
internal sealed class AlterConfigsApi() : Api<AlterConfigsRequest, AlterConfigsResponse>(33, "AlterConfigs", 0, 2, flexibleFrom: 2)
{
    protected override async ValueTask<AlterConfigsResponse?> HandleAsync(AlterConfigsRequest request, Call call)
    {
        var responses = new AlterConfigsResponse.Resource[request.Resources.Length];
        for (var i = 0; i < responses.Length; i++)
        {
            var resource = request.Resources[i];
            var outcome = await ConfigChange
                .RunAsync(resource.ResourceType, resource.ResourceName, options => Replace(options, resource), request.ValidateOnly, call)
                .ConfigureAwait(false);
            responses[i] = new AlterConfigsResponse.Resource
            {
                ErrorCode = outcome.Error,
                ErrorMessage = outcome.Message,
                ResourceType = resource.ResourceType,
                ResourceName = resource.ResourceName,
            };
        }
        return new AlterConfigsResponse { Responses = responses };
    }

    private static string? Replace(TopicOptions options, AlterConfigsRequest.Resource resource)
    {
        foreach (var config in TopicConfigs.All)
            config.Set(options, config.DefaultValue);
        foreach (var config in resource.Configs)
            if (TopicConfigs.TrySet(options, config.Name, config.Value) is { } complaint)
                return complaint;
        return null;
    }
}
