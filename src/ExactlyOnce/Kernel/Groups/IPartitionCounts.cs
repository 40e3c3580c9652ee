namespace ExactlyOnce.Kernel.Groups;

/// <summary>How many partitions a topic has now. The topic catalog's view, read under the coordination lock.</summary>
internal interface IPartitionCounts
{
    /// <summary>The number of partitions, 0 for a topic that does not exist (any more).</summary>
    int CountOf(int topic);
}
