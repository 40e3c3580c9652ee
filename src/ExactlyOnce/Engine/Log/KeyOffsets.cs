using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// The last offset of each key, for one compaction. A key of up to 15 bytes stands for itself; of a longer one 120 bits of its SHA-256 do, so that nobody can
/// make two keys look like one. Bounded: when it is full the compaction goes as far as it got.
/// </summary>
internal sealed class KeyOffsets
{
    private const int DirectBytesMax = 15;
    private const byte HashedMark = 0xFF;

    private readonly Dictionary<UInt128, long> _offsets = [];
    private readonly int _keysMax;

    public KeyOffsets(int keysMax) => _keysMax = keysMax;

    public int Count => _offsets.Count;

    /// <summary>Notes an offset, the highest so far; false when there is no room for a new key.</summary>
    public bool TryPut(ReadOnlySpan<byte> key, long offset)
    {
        var print = Fingerprint(key);
        if (_offsets.Count >= _keysMax && !_offsets.ContainsKey(print))
            return false;
        _offsets[print] = offset;
        return true;
    }

    /// <summary>False when a later record has this key.</summary>
    public bool IsLast(ReadOnlySpan<byte> key, long offset) => !_offsets.TryGetValue(Fingerprint(key), out var last) || offset >= last;

    private static UInt128 Fingerprint(ReadOnlySpan<byte> key)
    {
        Span<byte> print = stackalloc byte[SHA256.HashSizeInBytes];
        if (key.Length <= DirectBytesMax)
        {
            print[..16].Clear();
            key.CopyTo(print[1..]);
            print[0] = (byte)key.Length;
        }
        else
        {
            SHA256.HashData(key, print);
            print[0] = HashedMark;
        }
        return BinaryPrimitives.ReadUInt128BigEndian(print);
    }
}
