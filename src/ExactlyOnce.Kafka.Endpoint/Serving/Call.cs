using ExactlyOnce.Clients;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// A request while it is answered: who asks, in which version, and the broker to ask. One object for all requests of a connection, which come one after the
/// other.
/// </summary>
internal sealed class Call(KafkaServer server, KafkaConnection connection)
{
    public KafkaServer Server => server;

    public KafkaConnection Connection => connection;

    public BrokerBackend Backend => server.Backend;

    public WireBackend Wire => server.Wire;

    public short Version { get; private set; }

    /// <summary>The client's name for itself, null and "" included; chosen by a stranger.</summary>
    public string? ClientId { get; private set; }

    /// <summary>What a fenced producer or a group is told of who did it, for people: client id and address.</summary>
    public string ClientName => $"{ClientId} ({connection.RemoteAddress})";

    /// <summary>The client's address, as Kafka writes it.</summary>
    public string ClientHost => $"/{connection.RemoteAddress}";

    /// <summary>Cancelled when the connection is closed or the endpoint stops.</summary>
    public CancellationToken Cancelled => connection.Stopping;

    public void Begin(short version, string? clientId) => (Version, ClientId) = (version, clientId);

    public bool AllowsTopic(AclOperation operation, string topic) => connection.Identity.Allows(operation, AclResource.Topic, topic);

    public bool AllowsGroup(AclOperation operation, string group) => connection.Identity.Allows(operation, AclResource.Group, group);

    public bool AllowsTransactionalId(AclOperation operation, string id) => connection.Identity.Allows(operation, AclResource.TransactionalId, id);

    public bool AllowsCluster(AclOperation operation) => connection.Identity.Allows(operation, AclResource.Cluster, AclBinding.ClusterName);

    /// <summary>Who speaks inside a transaction.</summary>
    public TransactionCaller In(string transactionalId, long producerId, short epoch, WireGeneration generation) =>
        new(transactionalId, new ProducerIdentity(producerId, epoch), generation, ClientName);
}
