using ExactlyOnce.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// The partitions that one connection has asked for, by name and by topic id, so that a request costs no look-up in the catalog. One that was deleted meanwhile is looked up again:
/// there may be another topic of that name.
/// </summary>
internal sealed class PartitionCache(BrokerBackend backend)
{
    private const int EntriesMax = 10_000;

    private readonly Dictionary<(string Topic, int Partition), ServedPartition> _byName = [];
    private readonly Dictionary<(Guid TopicId, int Partition), ServedPartition> _byId = [];

    /// <summary>Null when there is no such topic or partition.</summary>
    public ServedPartition? Find(string topic, int partition)
    {
        if (_byName.TryGetValue((topic, partition), out var known) && !known.Partition.IsDeleted)
            return known;
        return Remember(_byName, (topic, partition), backend.TryGetTopic(topic), partition);
    }

    /// <summary>Null when there is no topic with this id, or it has no such partition.</summary>
    public ServedPartition? Find(Guid topicId, int partition)
    {
        if (_byId.TryGetValue((topicId, partition), out var known) && !known.Partition.IsDeleted)
            return known;
        return Remember(_byId, (topicId, partition), backend.TryGetTopic(topicId), partition);
    }

    private ServedPartition? Remember<TKey>(Dictionary<TKey, ServedPartition> cache, TKey key, TopicDescription? topic, int partition)
        where TKey : notnull
    {
        if (topic is null || (uint)partition >= (uint)topic.Partitions)
            return null;
        if (cache.Count >= EntriesMax)
            cache.Clear();
        try
        {
            return cache[key] = new ServedPartition(backend.GetPartition(new TopicPartition(topic.Name, partition)));
        }
        catch (UnknownTopicException)
        {
            // Deleted in this moment.
            return null;
        }
    }
}
