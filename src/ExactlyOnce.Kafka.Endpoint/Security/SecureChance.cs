using System.Security.Cryptography;

namespace ExactlyOnce.Kafka.Endpoint.Security;

/// <summary>Bytes that nobody can guess. The broker's own source of chance can be seeded, which is right for everything but this.</summary>
internal static class SecureChance
{
#pragma warning disable RS0030 // What an attacker must not predict does not come from a source that tests can seed.
    public static byte[] Bytes(int count) => RandomNumberGenerator.GetBytes(count);
#pragma warning restore RS0030
}
