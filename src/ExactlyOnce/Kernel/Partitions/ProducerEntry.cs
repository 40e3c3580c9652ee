using System.Diagnostics;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>
/// What one partition knows of one producer id. Born with the producer's first batch, enrolment or marker; dies by expiry or eviction, never while
/// it is inside a transaction. Owned by the partition's <see cref="ProducerTable"/>.
/// </summary>
internal sealed class ProducerEntry(long id, int batchWindow)
{
    public long Id { get; } = id;

    /// <summary>The epoch of the last batch or marker; −1 when there was only an enrolment.</summary>
    public short Epoch { get; private set; } = ProducerIdentity.NoEpoch;

    /// <summary>
    /// The epoch at which the coordinator enrolled the producer here; −1 when it is not inside a transaction, as far as this partition knows, or that takes
    /// nothing more in.
    /// </summary>
    public short EnrolledEpoch { get; private set; } = ProducerIdentity.NoEpoch;

    /// <summary>The coordinator epoch of the last marker; −1 for none.</summary>
    public int CoordinatorEpoch { get; private set; } = -1;

    /// <summary>The broker's time at the last change. Expiry goes by it and not by record timestamps, which old imports and wrong clocks bring along.</summary>
    public long LastActiveMs { get; private set; }

    /// <summary>The largest timestamp of the last batch or marker, for Kafka's layouts; −1 for none.</summary>
    public long LastTimestamp { get; private set; } = BatchHeader.NoTimestamp;

    /// <summary>The newest LSN that changed this entry.</summary>
    public long Lsn { get; private set; }

    /// <summary>The first offset of the open transaction's data here; −1 when it has none. Set by <see cref="OngoingTransactions"/>.</summary>
    public long TransactionFirstOffset { get; internal set; } = -1;

    /// <summary>The batches remembered at <see cref="Epoch"/>.</summary>
    public BatchWindow Window { get; } = new(batchWindow);

    /// <summary>Data of a transaction that has not ended stands in the log.</summary>
    public bool HasOpenTransaction => TransactionFirstOffset >= 0;

    public bool IsEnrolled => EnrolledEpoch != ProducerIdentity.NoEpoch;

    /// <summary>May be forgotten.</summary>
    public bool IsIdle => !HasOpenTransaction && !IsEnrolled;

    /// <summary>The newest epoch this partition heard of; everything older is a zombie.</summary>
    public short KnownEpoch => Math.Max(Epoch, EnrolledEpoch);

    // Places in two intrusive lists; each pair belongs to the list's class.
    internal ProducerEntry? LessRecent { get; set; }
    internal ProducerEntry? MoreRecent { get; set; }
    internal ProducerEntry? OlderTransaction { get; set; }
    internal ProducerEntry? NewerTransaction { get; set; }

    internal void ApplyBatch(in BatchHeader batch, long baseOffset, long nowMs, long lsn)
    {
        ChangeEpoch(batch.Producer.Epoch);
        if (batch.IsTransactional)
            EnrolledEpoch = batch.Producer.Epoch;
        Window.Append(new RememberedBatch(batch.BaseSequence, batch.LastOffsetDelta, baseOffset, batch.MaxTimestamp, nowMs, lsn));
        LastTimestamp = batch.MaxTimestamp;
        Touch(nowMs, lsn);
    }

    internal void ApplyEnrolment(short epoch, long nowMs, long lsn)
    {
        Debug.Assert(epoch == ProducerIdentity.NoEpoch || epoch >= KnownEpoch, "The coordinator enrols the newest epoch only.");
        EnrolledEpoch = epoch;
        Touch(nowMs, lsn);
    }

    /// <summary>
    /// Ends the enrolment whatever the marker's epoch: forgetting one too many only makes the next batch ask the coordinator again, keeping one too
    /// many would let a batch into a transaction that nobody will end.
    /// </summary>
    internal void ApplyMarker(in BatchHeader marker, int coordinatorEpoch, long nowMs, long lsn)
    {
        ChangeEpoch(marker.Producer.Epoch);
        EnrolledEpoch = ProducerIdentity.NoEpoch;
        CoordinatorEpoch = coordinatorEpoch;
        LastTimestamp = marker.MaxTimestamp;
        Touch(nowMs, lsn);
    }

    internal void Restore(short epoch, short enrolledEpoch, int coordinatorEpoch, long lastActiveMs, long lastTimestamp, long lsn)
    {
        Epoch = epoch;
        EnrolledEpoch = enrolledEpoch;
        CoordinatorEpoch = coordinatorEpoch;
        LastTimestamp = lastTimestamp;
        Touch(lastActiveMs, lsn);
    }

    // Sequences restart with the epoch, so what is remembered of the old one must not match again.
    private void ChangeEpoch(short epoch)
    {
        Debug.Assert(epoch >= Epoch, "An older epoch was refused.");
        if (epoch == Epoch)
            return;
        Window.Clear();
        Epoch = epoch;
    }

    private void Touch(long nowMs, long lsn)
    {
        LastActiveMs = nowMs;
        Lsn = lsn;
    }
}
