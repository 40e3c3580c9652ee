namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>Which rules a request speaks of; what is null or Any says nothing.</summary>
internal sealed record AclFilter(
    AclResource Resource, string? Name, AclPattern Pattern, string? Principal, string? Host, AclOperation Operation, AclPermission Permission)
{
    public bool IsValid =>
        Resource is >= AclResource.Any and <= AclResource.TransactionalId && Pattern is >= AclPattern.Any and <= AclPattern.Prefixed &&
        Operation is >= AclOperation.Any and <= AclOperation.IdempotentWrite && Permission is >= AclPermission.Any and <= AclPermission.Allow;

    public bool Matches(AclBinding rule) =>
        (Resource == AclResource.Any || Resource == rule.Resource) && MatchesName(rule) &&
        (Principal is null || Principal == rule.Principal) && (Host is null || Host == rule.Host) &&
        (Operation == AclOperation.Any || Operation == rule.Operation) && (Permission == AclPermission.Any || Permission == rule.Permission);

    private bool MatchesName(AclBinding rule) => Pattern switch
    {
        AclPattern.Match => Name is null || rule.Covers(rule.Resource, Name),
        AclPattern.Any => Name is null || Name == rule.Name,
        _ => Pattern == rule.Pattern && (Name is null || Name == rule.Name),
    };
}
