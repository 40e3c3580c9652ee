using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DescribeClusterRequest : IMessage
{
    public bool IncludeClusterAuthorizedOperations;
    public sbyte EndpointType = 1;
    public bool IncludeFencedBrokers;

    public void Fields(Wire wire)
    {
        wire.Bool(ref IncludeClusterAuthorizedOperations);
        wire.Int8(ref EndpointType, from: 1);
        wire.Bool(ref IncludeFencedBrokers, from: 2);
    }
}

internal sealed class DescribeClusterResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public string? ErrorMessage;
    public sbyte EndpointType = 1;
    public string ClusterId = "";
    public int ControllerId = -1;
    public Broker[] Brokers = [];
    public int ClusterAuthorizedOperations = AuthorizedOperations.NotAsked;

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode);
        wire.NullableString(ref ErrorMessage);
        wire.Int8(ref EndpointType, from: 1);
        wire.String(ref ClusterId);
        wire.Int32(ref ControllerId);
        wire.Array(ref Brokers);
        wire.Int32(ref ClusterAuthorizedOperations);
    }

    internal sealed class Broker : IMessage
    {
        public int BrokerId;
        public string Host = "";
        public int Port;
        public string? Rack;
        public bool IsFenced;

        public void Fields(Wire wire)
        {
            wire.Int32(ref BrokerId);
            wire.String(ref Host);
            wire.Int32(ref Port);
            wire.NullableString(ref Rack);
            wire.Bool(ref IsFenced, from: 2);
        }
    }
}

/// <summary>Describes the cluster of one.</summary>
internal sealed class DescribeClusterApi() : Api<DescribeClusterRequest, DescribeClusterResponse>(60, "DescribeCluster", 0, 2, flexibleFrom: 0)
{
    private const int OfBrokers = 1;

    protected override ValueTask<DescribeClusterResponse?> HandleAsync(DescribeClusterRequest request, Call call)
    {
        if (request.EndpointType != OfBrokers)
            return new(new DescribeClusterResponse
            {
                ErrorCode = KafkaError.UnsupportedEndpointType,
                ErrorMessage = "This is an endpoint of brokers.",
                EndpointType = request.EndpointType,
            });
        var node = Node.Of(call);
        return new(new DescribeClusterResponse
        {
            ClusterId = call.Server.ClusterId,
            ControllerId = node.Id,
            Brokers = [new DescribeClusterResponse.Broker { BrokerId = node.Id, Host = node.Host, Port = node.Port }],
            ClusterAuthorizedOperations = AuthorizedOperations.OfCluster(call, request.IncludeClusterAuthorizedOperations),
        });
    }
}
