namespace ExactlyOnce.Kernel.Primitives;

/// <summary>
/// A partition inside the broker: the topic's number, given at creation and never reused (so that a recreated topic is another one), and the index.
/// Ordered; locks are taken in this order.
/// </summary>
internal readonly record struct PartitionKey(int Topic, int Index) : IComparable<PartitionKey>
{
    public int CompareTo(PartitionKey other) =>
        Topic != other.Topic ? Topic.CompareTo(other.Topic) : Index.CompareTo(other.Index);

    public override string ToString() => $"{Topic}/{Index}";
}
