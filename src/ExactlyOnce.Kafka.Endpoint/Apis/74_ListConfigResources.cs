using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Configs;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class ListConfigResourcesRequest : IMessage
{
    public byte[] ResourceTypes = [];

    // An array of int8, which every version that has it encodes as it does bytes.
    public void Fields(Wire wire) => wire.Bytes(ref ResourceTypes, from: 1);
}

internal sealed class ListConfigResourcesResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public Resource[] ConfigResources = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode);
        wire.Array(ref ConfigResources);
    }

    internal sealed class Resource : IMessage
    {
        public string ResourceName = "";
        public sbyte ResourceType = (sbyte)Configs.ResourceType.ClientMetrics;

        public void Fields(Wire wire)
        {
            wire.String(ref ResourceName);
            wire.Int8(ref ResourceType, from: 1);
        }
    }
}

/// <summary>
/// What has configurations: the topics and the broker. Groups and client metrics have none here, and the first version asks for nothing else than the latter.
/// </summary>
internal sealed class ListConfigResourcesApi() : Api<ListConfigResourcesRequest, ListConfigResourcesResponse>(74, "ListConfigResources", 0, 1, flexibleFrom: 0)
{
    protected override ValueTask<ListConfigResourcesResponse?> HandleAsync(ListConfigResourcesRequest request, Call call)
    {
        if (!call.AllowsCluster(AclOperation.DescribeConfigs))
            return new(new ListConfigResourcesResponse { ErrorCode = KafkaError.ClusterAuthorizationFailed });
        if (call.Version == 0)
            return new(new ListConfigResourcesResponse());
        var types = request.ResourceTypes.Length == 0
            ? Enum.GetValues<ResourceType>().ToHashSet()
            : request.ResourceTypes.Select(type => (ResourceType)type).ToHashSet();
        return new(types.All(Enum.IsDefined)
            ? new ListConfigResourcesResponse { ConfigResources = [.. types.Order().SelectMany(type => ResourcesOf(type, call))] }
            : new ListConfigResourcesResponse { ErrorCode = KafkaError.UnsupportedVersion });
    }

    private static IEnumerable<ListConfigResourcesResponse.Resource> ResourcesOf(ResourceType type, Call call) => type switch
    {
        ResourceType.Topic => call.Backend.ListTopics().Where(topic => topic.Name != SecurityStore.TopicName).Select(topic => Named(type, topic.Name)),
        ResourceType.Broker => [Named(type, $"{call.Server.Options.BrokerId}")],
        _ => [],
    };

    private static ListConfigResourcesResponse.Resource Named(ResourceType type, string name) => new() { ResourceType = (sbyte)type, ResourceName = name };
}
