namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>What it is done to.</summary>
internal enum AclResource : sbyte
{
    Any = 1,
    Topic = 2,
    Group = 3,
    Cluster = 4,
    TransactionalId = 5,
}
