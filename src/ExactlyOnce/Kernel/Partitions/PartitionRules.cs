namespace ExactlyOnce.Kernel.Partitions;

/// <summary>What may be chosen about a partition's rules. Only decisions look at it; <c>Apply</c> sees the window alone, whose size shapes the state.</summary>
internal sealed record PartitionRules
{
    public static readonly PartitionRules Default = new();

    /// <summary>How many batches of each producer are remembered; Kafka's number is 5.</summary>
    public int WindowBatches { get; init; } = 5;

    /// <summary>A producer silent for this long, by the broker's clock, is forgotten (Kafka: producer.id.expiration.ms, by the record's own time).</summary>
    public long ProducerExpiryMs { get; init; } = 86_400_000;
}
