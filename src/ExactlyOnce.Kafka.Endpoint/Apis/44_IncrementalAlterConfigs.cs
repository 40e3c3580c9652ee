using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Configs;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class IncrementalAlterConfigsRequest : IMessage
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
        public sbyte ConfigOperation;
        public string? Value;

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Int8(ref ConfigOperation);
            wire.NullableString(ref Value);
        }
    }
}

internal sealed class IncrementalAlterConfigsResponse : IMessage
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

/// <summary>Changes single configurations of topics.</summary>
internal sealed class IncrementalAlterConfigsApi()
    : Api<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(44, "IncrementalAlterConfigs", 0, 1, flexibleFrom: 1)
{
    private const int Set = 0;
    private const int Delete = 1;
    private const int Append = 2;
    private const int Subtract = 3;

    protected override async ValueTask<IncrementalAlterConfigsResponse?> HandleAsync(IncrementalAlterConfigsRequest request, Call call)
    {
        var responses = new IncrementalAlterConfigsResponse.Resource[request.Resources.Length];
        for (var i = 0; i < responses.Length; i++)
        {
            var resource = request.Resources[i];
            var outcome = await ConfigChange
                .RunAsync(resource.ResourceType, resource.ResourceName, options => Change(options, resource.Configs), request.ValidateOnly, call)
                .ConfigureAwait(false);
            responses[i] = new IncrementalAlterConfigsResponse.Resource
            {
                ErrorCode = outcome.Error,
                ErrorMessage = outcome.Message,
                ResourceType = resource.ResourceType,
                ResourceName = resource.ResourceName,
            };
        }
        return new IncrementalAlterConfigsResponse { Responses = responses };
    }

    private static string? Change(TopicOptions options, IncrementalAlterConfigsRequest.Config[] configs)
    {
        foreach (var config in configs)
            if (Change(options, config) is { } complaint)
                return complaint;
        return null;
    }

    private static string? Change(TopicOptions options, IncrementalAlterConfigsRequest.Config change)
    {
        if (change.ConfigOperation == Delete)
            return TopicConfigs.TrySet(options, change.Name, null);
        if (change.Value is not { } value)
            return $"'{TopicConfigs.Excerpt(change.Name)}' is set to nothing.";
        if (change.ConfigOperation == Set)
            return TopicConfigs.TrySet(options, change.Name, value);
        if (change.ConfigOperation is not (Append or Subtract) || TopicConfigs.Find(change.Name) is not { Type: ConfigType.List } list)
            return $"'{TopicConfigs.Excerpt(change.Name)}' is no list to add to or take from.";
        var (words, changed) = (Words(list.Get(options)), Words(value));
        return TopicConfigs.TrySet(options, change.Name, string.Join(',', change.ConfigOperation == Append ? words.Union(changed) : words.Except(changed)));
    }

    private static string[] Words(string list) => list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
