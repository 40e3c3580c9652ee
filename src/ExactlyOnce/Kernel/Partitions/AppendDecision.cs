namespace ExactlyOnce.Kernel.Partitions;

internal enum AppendVerdict : byte
{
    /// <summary>Append it.</summary>
    Append,

    /// <summary>A retry: it is in the log already, exactly as it is.</summary>
    Duplicate,

    /// <summary>It does not follow the producer's last batch (Kafka: OUT_OF_ORDER_SEQUENCE_NUMBER).</summary>
    OutOfOrderSequence,

    /// <summary>A newer epoch of its producer has written here, or ended its transaction (Kafka: INVALID_PRODUCER_EPOCH).</summary>
    InvalidProducerEpoch,

    /// <summary>A batch outside a transaction from a producer that has one open here (Kafka: INVALID_TXN_STATE).</summary>
    InvalidTransactionState,

    /// <summary>A transactional batch, and the coordinator has not said that its transaction includes this partition.</summary>
    NotEnrolled,
}

/// <summary>What the rules say to a batch.</summary>
internal readonly struct AppendDecision
{
    public AppendVerdict Verdict { get; init; }

    /// <summary>A duplicate's original offset.</summary>
    public long BaseOffset { get; init; }

    /// <summary>A duplicate's original largest timestamp.</summary>
    public long MaxTimestamp { get; init; }

    /// <summary>LSN of the state relied on: of a duplicate's original, or of the producer's newest change here.</summary>
    public long Lsn { get; init; }

    /// <summary>The epoch the partition knows; −1 for an unknown producer.</summary>
    public short KnownEpoch { get; init; }

    /// <summary>The sequence that would have been accepted; −1 when any would.</summary>
    public int ExpectedSequence { get; init; }
}
