namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>One rule: who, from where, may or may not do what to which resources.</summary>
internal sealed record AclBinding(
    AclResource Resource, string Name, AclPattern Pattern, string Principal, string Host, AclOperation Operation, AclPermission Permission)
{
    /// <summary>A literal name that means every resource, and a host that means every address.</summary>
    public const string Wildcard = "*";

    public const string ClusterName = "kafka-cluster";

    private const string PrincipalPrefix = "User:";
    private const string Everybody = "User:*";

    /// <summary>The rule is about this resource.</summary>
    public bool Covers(AclResource resource, string name) => Resource == resource && Pattern switch
    {
        AclPattern.Literal => Name == name || Name == Wildcard,
        AclPattern.Prefixed => name.StartsWith(Name, StringComparison.Ordinal),
        _ => false,
    };

    /// <summary>The rule is about this caller.</summary>
    public bool Concerns(string principal, string host) => (Principal == principal || Principal == Everybody) && (Host == host || Host == Wildcard);

    /// <summary>The rule speaks of the operation; what is allowed may imply others, what is denied does not.</summary>
    public bool Decides(AclOperation operation) =>
        Operation == AclOperation.All || Operation == operation || (Permission == AclPermission.Allow && Implies(operation));

    /// <summary>Null when the rule can be kept, otherwise what is wrong with it.</summary>
    public string? Complaint() =>
        Resource is not (AclResource.Topic or AclResource.Group or AclResource.Cluster or AclResource.TransactionalId)
            ? "There are rules for topics, groups, transactional ids and the cluster."
        : Pattern is not (AclPattern.Literal or AclPattern.Prefixed) ? "A rule names its resource literally or by a prefix."
        : Name.Length == 0 ? "A rule names a resource."
        : Resource == AclResource.Cluster && Name != ClusterName ? $"The only cluster is called '{ClusterName}'."
        : Operation is < AclOperation.All or > AclOperation.IdempotentWrite ? "A rule names one operation, or all."
        : Permission is not (AclPermission.Allow or AclPermission.Deny) ? "A rule allows or denies."
        : !Principal.StartsWith(PrincipalPrefix, StringComparison.Ordinal) || Principal.Length == PrincipalPrefix.Length ? "A principal is written 'User:name'."
        : Host.Length == 0 ? "A rule names an address, or '*'."
        : null;

    private bool Implies(AclOperation operation) => operation switch
    {
        AclOperation.Describe => Operation is AclOperation.Read or AclOperation.Write or AclOperation.Delete or AclOperation.Alter,
        AclOperation.DescribeConfigs => Operation == AclOperation.AlterConfigs,
        _ => false,
    };
}
