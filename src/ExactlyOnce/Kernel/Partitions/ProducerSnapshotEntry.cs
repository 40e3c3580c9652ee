using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>One producer as Kafka's producer snapshot, DescribeProducers and compaction see it.</summary>
/// <param name="ProducerId">The producer's id.</param>
/// <param name="Epoch">The epoch of its last batch or marker.</param>
/// <param name="LastSequence">The last sequence at that epoch, −1 for none.</param>
/// <param name="LastOffset">The offset of its last record at that epoch, −1 for none.</param>
/// <param name="OffsetDelta">The distance of that record from its batch's first, 0 for none.</param>
/// <param name="Timestamp">The largest timestamp of the last batch or marker. Unix milliseconds.</param>
/// <param name="CoordinatorEpoch">The coordinator epoch of the last marker, −1 for none.</param>
/// <param name="TransactionFirstOffset">The first offset of the open transaction, −1 for none.</param>
/// <param name="LastActiveMs">The broker's time of the last change. Unix milliseconds.</param>
internal readonly record struct ProducerSnapshotEntry(
    long ProducerId,
    short Epoch,
    int LastSequence,
    long LastOffset,
    int OffsetDelta,
    long Timestamp,
    int CoordinatorEpoch,
    long TransactionFirstOffset,
    long LastActiveMs)
{
    /// <summary>
    /// Compaction keeps this batch, empty if need be, so that a rebuild from the log still learns the producer's last sequence, or its epoch when it has
    /// no data (Kafka: Cleaner.isBatchLastRecordOfProducer).
    /// </summary>
    public bool NeedsBatch(in BatchHeader batch)
    {
        if (batch.Producer.Id != ProducerId)
            return false;
        return LastOffset >= 0 ? batch.LastOffset == LastOffset : batch.IsControl && batch.Producer.Epoch == Epoch;
    }

    internal static ProducerSnapshotEntry Of(ProducerEntry entry)
    {
        var window = entry.Window;
        var hasData = window.Count > 0;
        return new ProducerSnapshotEntry(
            entry.Id,
            entry.Epoch,
            window.LastSequence,
            hasData ? window.Newest.LastOffset : -1,
            hasData ? window.Newest.OffsetDelta : 0,
            entry.LastTimestamp,
            entry.CoordinatorEpoch,
            entry.TransactionFirstOffset,
            entry.LastActiveMs);
    }
}
