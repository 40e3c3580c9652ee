namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>What somebody may want to do, under the protocol's numbers.</summary>
internal enum AclOperation : sbyte
{
    Any = 1,
    All = 2,
    Read = 3,
    Write = 4,
    Create = 5,
    Delete = 6,
    Alter = 7,
    Describe = 8,
    ClusterAction = 9,
    DescribeConfigs = 10,
    AlterConfigs = 11,
    IdempotentWrite = 12,
}
