using ExactlyOnce.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Serving;

/// <summary>
/// The partitions that one connection has asked for, by name and by topic id, so that a request costs no look-up in the catalog. One that was deleted meanwhile
/// is looked up again: there may be another topic of that name. Deleted ones are let go of with all that they hold, sooner or later.
/// </summary>
internal sealed class PartitionCache(BrokerBackend backend)
{
    private const int EntriesMax = 10_000;
    private const int EntriesFew = 16;

    private readonly Dictionary<(string Topic, int Partition), ServedPartition> _byName = [];
    private readonly Dictionary<(Guid TopicId, int Partition), ServedPartition> _byId = [];
    private int _namesBeforeLook = EntriesFew;
    private int _idsBeforeLook = EntriesFew;

    /// <summary>Null when there is no such topic or partition.</summary>
    public ServedPartition? Find(string topic, int partition)
    {
        if (_byName.TryGetValue((topic, partition), out var known) && !known.Partition.IsDeleted)
            return known;
        return Remember(_byName, ref _namesBeforeLook, (topic, partition), backend.TryGetTopic(topic), partition);
    }

    /// <summary>Null when there is no topic with this id, or it has no such partition.</summary>
    public ServedPartition? Find(Guid topicId, int partition)
    {
        if (_byId.TryGetValue((topicId, partition), out var known) && !known.Partition.IsDeleted)
            return known;
        return Remember(_byId, ref _idsBeforeLook, (topicId, partition), backend.TryGetTopic(topicId), partition);
    }

    private ServedPartition? Remember<TKey>(Dictionary<TKey, ServedPartition> cache, ref int beforeLook, TKey key, TopicDescription? topic, int partition)
        where TKey : notnull
    {
        if (topic is null || (uint)partition >= (uint)topic.Partitions)
            return null;
        if (cache.Count >= beforeLook)
            beforeLook = MakeRoom(cache);
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

    /// <summary>Answers how many entries there may be before the next look: twice as many as are left.</summary>
    private static int MakeRoom<TKey>(Dictionary<TKey, ServedPartition> cache)
        where TKey : notnull
    {
        foreach (var (key, known) in cache)
            if (known.Partition.IsDeleted)
                cache.Remove(key);
        if (cache.Count >= EntriesMax)
            cache.Clear();
        return Math.Clamp(2 * cache.Count, EntriesFew, EntriesMax);
    }
}
