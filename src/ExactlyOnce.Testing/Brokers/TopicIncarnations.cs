using ExactlyOnce.Clients;

namespace ExactlyOnce.Testing.Brokers;

/// <summary>Names of topics in a history: a topic that was deleted and created again is another one.</summary>
internal sealed class TopicIncarnations
{
    private readonly Dictionary<Guid, string> _names = [];
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);

    public TopicPartition Name(BackendPartition partition)
    {
        if (!_names.TryGetValue(partition.TopicId, out var name))
        {
            var count = _counts[partition.Id.Topic] = _counts.GetValueOrDefault(partition.Id.Topic) + 1;
            _names.Add(partition.TopicId, name = count == 1 ? partition.Id.Topic : $"{partition.Id.Topic}#{count}");
        }
        return new TopicPartition(name, partition.Id.Partition);
    }
}
