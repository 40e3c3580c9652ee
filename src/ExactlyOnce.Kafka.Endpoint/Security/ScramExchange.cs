using System.Security.Cryptography;
using System.Text;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>
/// SCRAM (RFC 5802) without channel binding: two rounds. For a user who is not known it goes on with a made-up salt and fails at the end, as with a wrong
/// password.
/// </summary>
internal sealed class ScramExchange(ScramMechanism mechanism, Credentials credentials, string? serverNonce = null) : ISaslExchange
{
    private const int NonceBytes = 18;

    private ScramCredential? _credential;
    private bool _isKnown;
    private string _user = "";
    private string _gs2 = "";
    private string _firstBare = "";
    private string _serverFirst = "";
    private string _nonce = "";
    private string _clientNonce = "";
    private int _round;

    public SaslStep Next(ReadOnlySpan<byte> token)
    {
        var text = Encoding.UTF8.GetString(token);
        return _round++ switch
        {
            0 => First(text),
            1 => Final(text),
            _ => SaslStep.Failed,
        };
    }

    /// <summary><c>n,,n=user,r=nonce</c>; an authorization id between the commas must be the user's own.</summary>
    private SaslStep First(string message)
    {
        var parts = message.Split(',');
        if (parts.Length != 4 || parts[0] is not ("n" or "y") || !TryName(parts[2], "n=", out _user))
            return SaslStep.Failed;
        if (!parts[3].StartsWith("r=", StringComparison.Ordinal) || parts[3].Length == 2)
            return SaslStep.Failed;
        if (parts[1].Length > 0 && !(TryName(parts[1], "a=", out var authorized) && authorized == _user))
            return SaslStep.Failed;
        _gs2 = $"{parts[0]},{parts[1]},";
        _firstBare = $"{parts[2]},{parts[3]}";
        (_credential, _isKnown) = credentials.ScramOf(mechanism, _user);
        _clientNonce = parts[3][2..];
        _nonce = _clientNonce + (serverNonce ?? NewNonce());
        _serverFirst = $"r={_nonce},s={Convert.ToBase64String(_credential.Salt)},i={_credential.Iterations}";
        return SaslStep.Continue(Encoding.UTF8.GetBytes(_serverFirst));
    }

    /// <summary><c>c=channel,r=nonce,p=proof</c></summary>
    private SaslStep Final(string message)
    {
        if (_credential is null)
            return SaslStep.Failed;
        var parts = message.Split(',');
        if (parts.Length != 3 || parts[0] != $"c={Convert.ToBase64String(Encoding.UTF8.GetBytes(_gs2))}" || !IsNonce(parts[1]))
            return SaslStep.Failed;
        var proof = new byte[mechanism.HashBytes];
        if (!parts[2].StartsWith("p=", StringComparison.Ordinal) ||
            !Convert.TryFromBase64String(parts[2][2..], proof, out var length) || length != proof.Length)
            return SaslStep.Failed;
        var authMessage = Encoding.UTF8.GetBytes($"{_firstBare},{_serverFirst},{parts[0]},{parts[1]}");
        var signature = mechanism.Hmac(_credential.StoredKey, authMessage);
        for (var i = 0; i < proof.Length; i++)
            proof[i] ^= signature[i];
        if (!(CryptographicOperations.FixedTimeEquals(mechanism.Hash(proof), _credential.StoredKey) & _isKnown))
            return SaslStep.Failed;
        return SaslStep.Done(_user, Encoding.UTF8.GetBytes($"v={Convert.ToBase64String(mechanism.Hmac(_credential.ServerKey, authMessage))}"));
    }

    /// <summary>
    /// librdkafka before 2.6.1 (Debian's kcat and confluent-kafka) puts its own nonce in front of the one it was sent, which begins with it already. Ours is in
    /// there as it must be, and the proof is over what was said, so that takes nothing away.
    /// </summary>
    private bool IsNonce(string part) => part == $"r={_nonce}" || part == $"r={_clientNonce}{_nonce}";

    /// <summary>Undoes the two escapes a name may have; any other is wrong.</summary>
    private static bool TryName(string part, string prefix, out string name)
    {
        name = "";
        if (!part.StartsWith(prefix, StringComparison.Ordinal) || part.Length == prefix.Length)
            return false;
        var escaped = part[prefix.Length..];
        name = escaped.Replace("=2C", ",", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal);
        return escaped.Replace("=2C", "", StringComparison.Ordinal).Replace("=3D", "", StringComparison.Ordinal).IndexOf('=') < 0;
    }

    private static string NewNonce() => Convert.ToBase64String(SecureChance.Bytes(NonceBytes));
}
