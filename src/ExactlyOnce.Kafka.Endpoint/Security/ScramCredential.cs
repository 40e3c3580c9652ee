using System.Security.Cryptography;
using System.Text;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>What a server keeps of a password (RFC 5802): enough to check a proof, not enough to make one. No record, so that nothing prints it.</summary>
internal sealed class ScramCredential(int iterations, byte[] salt, byte[] storedKey, byte[] serverKey)
{
    public int Iterations => iterations;

    public byte[] Salt => salt;

    public byte[] StoredKey => storedKey;

    public byte[] ServerKey => serverKey;

    public static ScramCredential OfPassword(ScramMechanism mechanism, string password, byte[] salt, int iterations) => OfSaltedPassword(
        mechanism, Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, iterations, mechanism.HashName, mechanism.HashBytes), salt, iterations);

    /// <summary>From what a client sends that changes a password: it is salted already.</summary>
    public static ScramCredential OfSaltedPassword(ScramMechanism mechanism, byte[] saltedPassword, byte[] salt, int iterations) => new(
        iterations, salt, mechanism.Hash(mechanism.Hmac(saltedPassword, "Client Key"u8)), mechanism.Hmac(saltedPassword, "Server Key"u8));
}
