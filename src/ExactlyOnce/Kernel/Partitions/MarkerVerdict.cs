namespace ExactlyOnce.Kernel.Partitions;

/// <summary>What the rules say to a transaction marker from outside (Kafka: WriteTxnMarkers).</summary>
internal enum MarkerVerdict : byte
{
    Append,

    /// <summary>The partition knows a newer epoch of the producer.</summary>
    InvalidProducerEpoch,

    /// <summary>A newer coordinator has ended a transaction of the producer here.</summary>
    CoordinatorFenced,
}
