using System.Text;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>The users of an endpoint: those of its options, and those whom the broker keeps. The options' win, and cannot be changed over the wire.</summary>
internal sealed class Credentials
{
    private const int SaltBytes = 16;
    private const int Iterations = 8192;

    private readonly Dictionary<string, string> _passwords;
    private readonly Dictionary<(string User, ScramMechanism Mechanism), ScramCredential> _scram = [];
    private readonly SecurityStore _store;

    /// <summary>Salts of the options' users and of nobody come from it, so that they look alike and stay the same while the process lives.</summary>
    private readonly byte[] _secret = SecureChance.Bytes(ScramMechanism.Sha512.HashBytes);

    public Credentials(KafkaEndpointOptions options, SecurityStore store)
    {
        _passwords = new Dictionary<string, string>(options.Users, StringComparer.Ordinal);
        _store = store;
        foreach (var mechanism in ScramMechanism.All.Where(mechanism => options.Sasl.HasFlag(mechanism.Flag)))
            foreach (var (user, password) in _passwords)
                _scram[(user, mechanism)] = ScramCredential.OfPassword(mechanism, password, SaltOf(mechanism, user), Iterations);
    }

    public bool IsConfigured(string user) => _passwords.ContainsKey(user);

    /// <summary>Null for somebody who is not known.</summary>
    public string? PasswordOf(string user) => _passwords.GetValueOrDefault(user);

    /// <summary>For somebody who is not known a credential that no proof fits.</summary>
    public (ScramCredential Credential, bool IsKnown) ScramOf(ScramMechanism mechanism, string user)
    {
        if (_scram.TryGetValue((user, mechanism), out var configured))
            return (configured, true);
        if (!IsConfigured(user) && _store.State.Users.TryGetValue(new StoredUser(user, mechanism.Number), out var stored))
            return (stored, true);
        var nobody = mechanism.Hmac(_secret, "nobody"u8);
        return (new ScramCredential(Iterations, SaltOf(mechanism, user), nobody, nobody), false);
    }

    /// <summary>Whether somebody who has logged in still may.</summary>
    public bool Knows(string user) =>
        IsConfigured(user) || ScramMechanism.All.Any(mechanism => _store.State.Users.ContainsKey(new StoredUser(user, mechanism.Number)));

    private byte[] SaltOf(ScramMechanism mechanism, string user) => mechanism.Hmac(_secret, Encoding.UTF8.GetBytes($"{mechanism.Number} {user}"))[..SaltBytes];
}
