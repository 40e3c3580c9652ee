namespace ExactlyOnce.Kernel.Records;

/// <summary>The attribute bits of a record batch v2 (Kafka: DefaultRecordBatch). Bits 0 to 2 hold the <see cref="CompressionType"/>.</summary>
[Flags]
internal enum BatchAttributes : short
{
    None = 0,
    CompressionMask = 0x07,
    LogAppendTime = 0x08,
    Transactional = 0x10,
    Control = 0x20,

    /// <summary>baseTimestamp holds the time after which compaction may drop tombstones and markers (KIP-534).</summary>
    DeleteHorizon = 0x40,

    Known = 0x7F,
}
