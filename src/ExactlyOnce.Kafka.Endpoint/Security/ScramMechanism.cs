using System.Security.Cryptography;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>One of the two hashes that SCRAM is spoken with, under the protocol's number.</summary>
internal sealed class ScramMechanism
{
    public const int IterationsMin = 4096;
    public const int IterationsMax = 16384;

    public static readonly ScramMechanism Sha256 = new(1, "SCRAM-SHA-256", SaslMechanisms.ScramSha256, HashAlgorithmName.SHA256, SHA256.HashSizeInBytes);
    public static readonly ScramMechanism Sha512 = new(2, "SCRAM-SHA-512", SaslMechanisms.ScramSha512, HashAlgorithmName.SHA512, SHA512.HashSizeInBytes);

    private ScramMechanism(sbyte number, string name, SaslMechanisms flag, HashAlgorithmName hash, int hashBytes) =>
        (Number, Name, Flag, HashName, HashBytes) = (number, name, flag, hash, hashBytes);

    public static IReadOnlyList<ScramMechanism> All { get; } = [Sha256, Sha512];

    public sbyte Number { get; }

    public string Name { get; }

    public SaslMechanisms Flag { get; }

    public HashAlgorithmName HashName { get; }

    public int HashBytes { get; }

    public static ScramMechanism? Find(sbyte number) => All.FirstOrDefault(mechanism => mechanism.Number == number);

    public byte[] Hash(ReadOnlySpan<byte> bytes) => CryptographicOperations.HashData(HashName, bytes);

    public byte[] Hmac(ReadOnlySpan<byte> key, ReadOnlySpan<byte> bytes) => CryptographicOperations.HmacData(HashName, key, bytes);
}
