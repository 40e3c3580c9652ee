namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>How a rule names it.</summary>
internal enum AclPattern : sbyte
{
    /// <summary>In filters: every pattern.</summary>
    Any = 1,

    /// <summary>In filters: whatever applies to the resource of that name.</summary>
    Match = 2,
    Literal = 3,
    Prefixed = 4,
}
