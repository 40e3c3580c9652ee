using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Partitions;

/// <summary>What a partition knows of one producer id. Owned by <see cref="PartitionState"/>.</summary>
internal sealed class ProducerEntry(long id, int windowBatches)
{
    public const long NoOffset = -1;

    public long Id { get; } = id;

    public short Epoch { get; set; } = ProducerIdentity.NoEpoch;

    /// <summary>The epoch whose transaction includes this partition; −1 when none does. A marker ends it.</summary>
    public short EnrolledEpoch { get; set; } = ProducerIdentity.NoEpoch;

    /// <summary>First offset of the open transaction; −1 when it has written nothing here, or none is open.</summary>
    public long FirstOffset { get; set; } = NoOffset;

    public int CoordinatorEpoch { get; set; } = -1;

    /// <summary>Broker time of the last change: what expiry goes by.</summary>
    public long LastActiveMs { get; set; }

    /// <summary>LSN of the last change.</summary>
    public long Lsn { get; set; }

    /// <summary>The last data offset of any epoch, which compaction must not drop without a trace; −1 when only a marker was seen.</summary>
    public long LastDataOffset { get; set; } = NoOffset;

    public BatchWindow Window { get; } = new(windowBatches);

    public bool HasOpenTransaction => FirstOffset != NoOffset;

    public bool IsEnrolled => EnrolledEpoch != ProducerIdentity.NoEpoch;
}
