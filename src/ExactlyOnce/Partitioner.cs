using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce;

/// <summary>Chooses the partition of a record that has a key. Must be thread-safe and must always answer the same for the same key and count.</summary>
/// <param name="key">The serialized key.</param>
/// <param name="partitions">The number of partitions of the topic.</param>
/// <returns>The partition's index, 0 to <paramref name="partitions"/> − 1.</returns>
public delegate int Partitioner(ReadOnlySpan<byte> key, int partitions);

/// <summary>The partitioners that come with the library. Records without a key go to one partition per batch in turn, whatever the partitioner.</summary>
public static class Partitioners
{
    /// <summary>Murmur2 of the key, as Kafka's Java client: the same key lands in the same partition as there. The default.</summary>
    public static Partitioner Murmur2 { get; } = Clients.Producing.Murmur2.PartitionFor;

    /// <summary>CRC-32 of the key, as librdkafka's <c>consistent_random</c>, which is the default of Confluent.Kafka.</summary>
    public static Partitioner Crc32 { get; } = Crc32Partition.For;
}
