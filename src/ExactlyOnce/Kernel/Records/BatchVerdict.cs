namespace ExactlyOnce.Kernel.Records;

/// <summary>What is wrong with a batch from a client, before any producer state is looked at.</summary>
internal enum BatchVerdict
{
    Accepted = 0,

    /// <summary>Not a record batch v2, or its length does not fit its bytes.</summary>
    Malformed,
    NotOneBatch,
    ChecksumMismatch,
    TooLarge,
    BaseOffsetNotZero,
    Empty,

    /// <summary>The record count is not the last offset delta plus one.</summary>
    CountMismatch,
    ControlBatch,
    UnknownAttributes,
    UnsupportedCompression,

    /// <summary>The append time is the broker's to set.</summary>
    AppendTimeSet,

    /// <summary>A producer id without epoch or sequence, or a transactional batch without a producer id.</summary>
    IncompleteProducer,
    TimestampOutOfRange,
    KeyMissing,
    OffsetsNotDense,
    DamagedRecords,
}
