using System.Numerics;
using System.Runtime.InteropServices;

namespace ExactlyOnce.Testing.Disks;

/// <summary>A 64-bit fingerprint, good enough to say of two disks that they hold the same. Not for enemies.</summary>
internal static class Fingerprint
{
    private const ulong Prime = 0x9E37_79B9_7F4A_7C15;

    public static ulong Add(ulong fingerprint, ulong value) => BitOperations.RotateLeft((fingerprint ^ value) * Prime, 29);

    public static ulong Add(ulong fingerprint, ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
            fingerprint = Add(fingerprint, word);
        foreach (var rest in bytes[(words.Length * sizeof(ulong))..])
            fingerprint = Add(fingerprint, rest);
        return fingerprint;
    }

    public static ulong Add(ulong fingerprint, string text) => Add(Add(fingerprint, (ulong)text.Length), MemoryMarshal.AsBytes(text.AsSpan()));
}
