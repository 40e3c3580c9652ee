using System.Security.Cryptography;
using System.Text;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>PLAIN (RFC 4616): one token, <c>authzid NUL user NUL password</c>.</summary>
internal sealed class PlainExchange(Credentials credentials) : ISaslExchange
{
    public SaslStep Next(ReadOnlySpan<byte> token)
    {
        var firstEnd = token.IndexOf((byte)0);
        var secondEnd = firstEnd < 0 ? -1 : token[(firstEnd + 1)..].IndexOf((byte)0);
        if (secondEnd < 0)
            return SaslStep.Failed;
        var authorized = Encoding.UTF8.GetString(token[..firstEnd]);
        var user = Encoding.UTF8.GetString(token.Slice(firstEnd + 1, secondEnd));
        var isRight = IsPassword(user, token[(firstEnd + secondEnd + 2)..]);
        // Nobody acts for somebody else.
        return isRight && (authorized.Length == 0 || authorized == user) ? SaslStep.Done(user, []) : SaslStep.Failed;
    }

    /// <summary>Compares hashes, which have one length, in a time that says nothing; for somebody who is not known as well.</summary>
    private bool IsPassword(string user, ReadOnlySpan<byte> password)
    {
        var expected = credentials.PasswordOf(user);
        var isEqual = CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(expected ?? "")), SHA256.HashData(password));
        return isEqual & expected is not null;
    }
}
