using ExactlyOnce.Kernel.Groups;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>The topic catalog as groups see it.</summary>
internal sealed class CatalogCounts(TopicCatalog topics) : IPartitionCounts
{
    public int CountOf(int topic) => topics.Find(topic)?.Partitions ?? 0;
}
