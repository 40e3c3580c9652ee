using System.Collections.Immutable;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>A user in one mechanism.</summary>
internal readonly record struct StoredUser(string Name, sbyte Mechanism);

/// <summary>Users and rules as they are at a moment; never changed, replaced as a whole.</summary>
internal sealed record SecurityState(ImmutableDictionary<StoredUser, ScramCredential> Users, ImmutableHashSet<AclBinding> Rules, int Generation)
{
    public static readonly SecurityState Empty = new(ImmutableDictionary<StoredUser, ScramCredential>.Empty, [], 0);

    /// <param name="user">Who.</param>
    /// <param name="credentials">All that he has from now on, by mechanism; none: he is no more.</param>
    public SecurityState With(string user, IReadOnlyDictionary<sbyte, ScramCredential> credentials) => this with
    {
        Users = Users.RemoveRange(ScramMechanism.All.Select(mechanism => new StoredUser(user, mechanism.Number)))
            .SetItems(credentials.Select(credential => KeyValuePair.Create(new StoredUser(user, credential.Key), credential.Value))),
        Generation = Generation + 1,
    };

    /// <summary>What somebody has, by mechanism.</summary>
    public Dictionary<sbyte, ScramCredential> CredentialsOf(string user) => ScramMechanism.All
        .Where(mechanism => Users.ContainsKey(new StoredUser(user, mechanism.Number)))
        .ToDictionary(mechanism => mechanism.Number, mechanism => Users[new StoredUser(user, mechanism.Number)]);

    public SecurityState With(AclBinding rule, bool isKept) => this with { Rules = isKept ? Rules.Add(rule) : Rules.Remove(rule), Generation = Generation + 1 };
}
