namespace ExactlyOnce.Kernel.Partitions;

/// <summary>What a partition says about a transaction marker.</summary>
internal enum MarkerVerdict
{
    /// <summary>Append it, also when it ends nothing: a repeated marker is harmless.</summary>
    Append,

    /// <summary>The marker's epoch is behind what its generation asks for.</summary>
    InvalidProducerEpoch,

    /// <summary>A newer coordinator has written a marker for this producer already.</summary>
    CoordinatorFenced,
}
