namespace ExactlyOnce.Confluent.Producing;

using global::Confluent.Kafka;

/// <summary>Which partition a record goes to: librdkafka's rules, by the same hashes, so that a key lands where it would on Kafka with this client.</summary>
internal sealed class PartitionChoice(ClientSettings settings, Dictionary<string, PartitionerDelegate>? byTopic, PartitionerDelegate? byDefault)
{
    private readonly string _rule = Known(settings.Text("partitioner") ?? "consistent_random");
    private int _turn;

    public int Choose(string topic, int partitions, byte[]? key)
    {
        var custom = byTopic?.GetValueOrDefault(topic) ?? byDefault;
        if (custom is not null)
            return custom(topic, partitions, key, key is null).Value;
        var isKeyed = key is { Length: > 0 };
        return _rule switch
        {
            "consistent" => ExactlyOnce.Partitioners.Crc32(key, partitions),
            "consistent_random" when isKeyed => ExactlyOnce.Partitioners.Crc32(key, partitions),
            "murmur2" => ExactlyOnce.Partitioners.Murmur2(key, partitions),
            "murmur2_random" when key is not null => ExactlyOnce.Partitioners.Murmur2(key, partitions),
            _ => TakeTurn(partitions),
        };
    }

    private static string Known(string rule) => rule is "consistent" or "consistent_random" or "murmur2" or "murmur2_random" or "random" ? rule
        : throw new NotSupportedException(
            $"The partitioner '{rule}' is not known in process: use consistent, consistent_random, murmur2, murmur2_random or random, or set one with SetPartitioner.");

    // "Random" only promises to spread; in turn, a test does the same thing every time.
    private int TakeTurn(int partitions) => (int)((uint)Interlocked.Increment(ref _turn) % (uint)partitions);
}
