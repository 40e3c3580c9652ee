using System.Collections.Immutable;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>A user in one mechanism.</summary>
internal readonly record struct StoredUser(string Name, sbyte Mechanism);

/// <summary>Users and rules as they are at a moment; never changed, replaced as a whole.</summary>
internal sealed record SecurityState(ImmutableDictionary<StoredUser, ScramCredential> Users, ImmutableHashSet<AclBinding> Rules, int Generation)
{
    public static readonly SecurityState Empty = new(ImmutableDictionary<StoredUser, ScramCredential>.Empty, [], 0);

    /// <param name="user">Who.</param>
    /// <param name="credential">Null: he is no more.</param>
    public SecurityState With(StoredUser user, ScramCredential? credential) => this with
    {
        Users = credential is null ? Users.Remove(user) : Users.SetItem(user, credential),
        Generation = Generation + 1,
    };

    public SecurityState With(AclBinding rule, bool isKept) => this with { Rules = isKept ? Rules.Add(rule) : Rules.Remove(rule), Generation = Generation + 1 };
}
