using System.Buffers.Binary;

namespace ExactlyOnce.Clients.Producing;

/// <summary>
/// The hash of Kafka's default partitioner (Java's Utils.murmur2): equal keys must meet in the partition every other Kafka client puts them in.
/// </summary>
internal static class Murmur2
{
    private const uint Seed = 0x9747b28c;
    private const uint M = 0x5bd1e995;
    private const int R = 24;

    public static int Hash(ReadOnlySpan<byte> key)
    {
        var hash = Seed ^ (uint)key.Length;
        for (; key.Length >= sizeof(uint); key = key[sizeof(uint)..])
        {
            var word = BinaryPrimitives.ReadUInt32LittleEndian(key) * M;
            word = (word ^ (word >> R)) * M;
            hash = (hash * M) ^ word;
        }
        hash = MixTail(hash, key);
        hash = (hash ^ (hash >> 13)) * M;
        return (int)(hash ^ (hash >> 15));
    }

    /// <summary>The partition of a key. The sign is masked off, not negated: that is what Kafka does, and Math.Abs differs and fails at int.MinValue.</summary>
    public static int PartitionFor(ReadOnlySpan<byte> key, int partitions) => (Hash(key) & int.MaxValue) % partitions;

    private static uint MixTail(uint hash, ReadOnlySpan<byte> tail)
    {
        if (tail.IsEmpty)
            return hash;
        if (tail.Length == 3)
            hash ^= (uint)tail[2] << 16;
        if (tail.Length >= 2)
            hash ^= (uint)tail[1] << 8;
        return (hash ^ tail[0]) * M;
    }
}
