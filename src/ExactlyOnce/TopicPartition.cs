namespace ExactlyOnce;

/// <summary>One partition of a topic.</summary>
/// <param name="Topic">The topic's name.</param>
/// <param name="Partition">The partition's index, from 0.</param>
public readonly record struct TopicPartition(string Topic, int Partition)
{
    /// <summary>The form used in messages: <c>orders-3</c>.</summary>
    public override string ToString() => $"{Topic}-{Partition}";
}
