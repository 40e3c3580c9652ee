namespace ExactlyOnce.Kernel.Partitions;

/// <summary>The limits and choices a partition decides by. Immutable; one instance may serve many partitions.</summary>
internal sealed class PartitionRules
{
    /// <summary>Kafka remembers five batches, because its clients keep at most five in flight; fewer would refuse their retries.</summary>
    public const int BatchWindowMin = 5;

    /// <summary>A retry searches the whole window, and every producer pays for it in memory.</summary>
    public const int BatchWindowMax = 1_024;

    public const long ProducerExpiryMsDefault = 86_400_000;
    public const int MaximumProducersDefault = 100_000;

    public static readonly PartitionRules Default = new();

    public PartitionRules(
        int batchWindow = BatchWindowMin,
        long producerExpiryMs = ProducerExpiryMsDefault,
        int maximumProducers = MaximumProducersDefault,
        bool strictKafka = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchWindow, BatchWindowMin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batchWindow, BatchWindowMax);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(producerExpiryMs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maximumProducers);
        BatchWindow = batchWindow;
        ProducerExpiryMs = producerExpiryMs;
        MaximumProducers = maximumProducers;
        StrictKafka = strictKafka;
    }

    /// <summary>Batches remembered per producer: a retry of any of them is recognised.</summary>
    public int BatchWindow { get; }

    /// <summary>Idle time, by the broker's clock, after which a producer without an open transaction is forgotten. Milliseconds.</summary>
    public long ProducerExpiryMs { get; }

    /// <summary>
    /// Producers remembered before the longest idle one without a transaction makes room. Kafka has no such bound: ignored when <see cref="StrictKafka"/>.
    /// </summary>
    public int MaximumProducers { get; }

    /// <summary>Decide as Kafka does where we are stricter by default, so that tests on this broker predict production on Kafka.</summary>
    public bool StrictKafka { get; }
}
