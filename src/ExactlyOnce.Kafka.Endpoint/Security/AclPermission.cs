namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>Which way a rule decides.</summary>
internal enum AclPermission : sbyte
{
    Any = 1,
    Deny = 2,
    Allow = 3,
}
