namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>The bit fields of allowed operations, as answers carry them: bit n for operation n of the protocol's list. Without access rules everything is allowed.</summary>
internal static class AuthorizedOperations
{
    public const int NotAsked = int.MinValue;

    /// <summary>Read, write, create, delete, alter, describe, describe configs, alter configs.</summary>
    public const int Topic = 3576;

    /// <summary>Read, delete, describe, describe configs, alter configs.</summary>
    public const int Group = 3400;

    /// <summary>Create, alter, describe, cluster action, describe and alter configs, idempotent write.</summary>
    public const int Cluster = 8096;
}
