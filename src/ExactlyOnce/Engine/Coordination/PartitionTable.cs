using System.Collections.Concurrent;
using ExactlyOnce.Engine.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>The partitions that exist. Changed under the coordination lock; looked up by anybody.</summary>
internal sealed class PartitionTable
{
    private readonly ConcurrentDictionary<PartitionKey, Partition> _byKey = new();
    private readonly ConcurrentDictionary<TopicPartition, Partition> _byName = new();

    public int Count => _byKey.Count;

    public Partition? Find(PartitionKey key) => _byKey.GetValueOrDefault(key);

    public Partition? Find(TopicPartition name) => _byName.GetValueOrDefault(name);

    /// <summary>Every partition, in lock order.</summary>
    public Partition[] InOrder()
    {
        var all = _byKey.Values.ToArray();
        Array.Sort(all, static (left, right) => left.Key.CompareTo(right.Key));
        return all;
    }

    public void Add(Partition partition)
    {
        _byKey[partition.Key] = partition;
        _byName[partition.Name] = partition;
    }

    public void Remove(Partition partition)
    {
        _byKey.TryRemove(partition.Key, out _);
        _byName.TryRemove(new KeyValuePair<TopicPartition, Partition>(partition.Name, partition));
    }
}
