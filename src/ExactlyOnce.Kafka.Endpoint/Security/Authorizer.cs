namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>
/// Decides who may do what. Off, everybody may do everything; on, nobody may do anything that no rule allows, and a rule that denies wins. In both cases nobody
/// gets at the topic in which users and rules are kept.
/// </summary>
internal sealed class Authorizer(KafkaEndpointOptions options, SecurityStore store)
{
    private const string Everybody = "User:*";

    private readonly HashSet<string> _superUsers = new(options.SuperUsers, StringComparer.Ordinal);

    public bool IsOn { get; } = options.RequiresAuthentication;

    /// <summary>Changes with every change of a rule or a user.</summary>
    public int Generation => store.State.Generation;

    public bool Allows(string principal, string host, AclOperation operation, AclResource resource, string name)
    {
        if (resource == AclResource.Topic && name == SecurityStore.TopicName)
            return false;
        if (!IsOn || IsSuperUser(principal))
            return true;
        var isAllowed = false;
        foreach (var rule in store.State.Rules)
        {
            if (!rule.Covers(resource, name) || !rule.Concerns(principal, host) || !rule.Decides(operation))
                continue;
            if (rule.Permission == AclPermission.Deny)
                return false;
            isAllowed = true;
        }
        return isAllowed;
    }

    /// <summary>Whether there may be any resource to which the caller may do that. Asked by producers that do not say yet where they will write.</summary>
    public bool AllowsSome(string principal, string host, AclOperation operation, AclResource resource)
    {
        if (!IsOn || IsSuperUser(principal))
            return true;
        var candidates = store.State.Rules.Where(rule =>
            rule.Permission == AclPermission.Allow && rule.Resource == resource && rule.Concerns(principal, host) && rule.Decides(operation));
        return candidates.Any(rule => Allows(principal, host, operation, resource, rule.Name));
    }

    private bool IsSuperUser(string principal) => _superUsers.Contains(principal) || _superUsers.Contains(Everybody);
}
