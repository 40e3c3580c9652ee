namespace ExactlyOnce.Engine.Log;

/// <summary>One producer in a snapshot file: its last batch (Kafka keeps only that one) and its open transaction.</summary>
/// <param name="ProducerId">The producer.</param>
/// <param name="Epoch">Its epoch.</param>
/// <param name="LastSequence">Sequence of its last record, −1 for none.</param>
/// <param name="LastOffset">Offset of its last record, −1 for none.</param>
/// <param name="OffsetDelta">Records of its last batch, less one.</param>
/// <param name="Timestamp">Largest timestamp of its last batch, Unix milliseconds.</param>
/// <param name="CoordinatorEpoch">Epoch of the coordinator that wrote its last marker, −1 for none.</param>
/// <param name="CurrentTransactionFirstOffset">First offset of its open transaction, −1 for none.</param>
internal readonly record struct ProducerSnapshotRow(
    long ProducerId,
    short Epoch,
    int LastSequence,
    long LastOffset,
    int OffsetDelta,
    long Timestamp,
    int CoordinatorEpoch,
    long CurrentTransactionFirstOffset);
