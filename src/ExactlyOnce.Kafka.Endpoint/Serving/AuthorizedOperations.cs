using ExactlyOnce.Kafka.Endpoint.Security;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// The bit fields of allowed operations, as answers carry them: bit n for operation n of the protocol's list. Without access rules everything is allowed.
/// </summary>
internal static class AuthorizedOperations
{
    public const int NotAsked = int.MinValue;

    private static readonly AclOperation[] s_topic =
    [
        AclOperation.Read, AclOperation.Write, AclOperation.Create, AclOperation.Delete, AclOperation.Alter, AclOperation.Describe,
        AclOperation.DescribeConfigs, AclOperation.AlterConfigs,
    ];

    private static readonly AclOperation[] s_group =
        [AclOperation.Read, AclOperation.Delete, AclOperation.Describe, AclOperation.DescribeConfigs, AclOperation.AlterConfigs];

    private static readonly AclOperation[] s_cluster =
    [
        AclOperation.Create, AclOperation.Alter, AclOperation.Describe, AclOperation.ClusterAction, AclOperation.DescribeConfigs, AclOperation.AlterConfigs,
        AclOperation.IdempotentWrite,
    ];

    /// <param name="isAsked">The client wants to know.</param>
    public static int OfTopic(Call call, string topic, bool isAsked) => isAsked ? Bits(s_topic, operation => call.AllowsTopic(operation, topic)) : NotAsked;

    /// <inheritdoc cref="OfTopic"/>
    public static int OfGroup(Call call, string group, bool isAsked) => isAsked ? Bits(s_group, operation => call.AllowsGroup(operation, group)) : NotAsked;

    /// <inheritdoc cref="OfTopic"/>
    public static int OfCluster(Call call, bool isAsked) => isAsked ? Bits(s_cluster, call.AllowsCluster) : NotAsked;

    private static int Bits(AclOperation[] operations, Func<AclOperation, bool> isAllowed) =>
        operations.Where(isAllowed).Aggregate(0, (bits, operation) => bits | (1 << (int)operation));
}
