using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Engine.Log;

/// <summary>
/// What the checkpoint vouches for of one segment: its files by name and how much of each is valid. Bytes behind the valid lengths are left over from a write
/// that never took effect.
/// </summary>
internal sealed record SegmentDescription
{
    public required SegmentName Name { get; init; }

    public long BaseOffset => Name.BaseOffset;

    /// <summary>The offset behind the segment: where the next one begins, also when compaction took the last records.</summary>
    public required long NextOffset { get; init; }

    public long LogLength { get; init; }

    public int OffsetIndexLength { get; init; }

    public int TimeIndexLength { get; init; }

    public int TransactionIndexLength { get; init; }

    /// <summary>CRC-32C of the valid part of the time index: unlike an offset index it cannot be checked against the log it points into.</summary>
    public uint TimeIndexCrc { get; init; }

    /// <summary>CRC-32C of the valid part of the transaction index: a lost entry would turn aborted data into committed.</summary>
    public uint TransactionIndexCrc { get; init; }

    /// <summary>
    /// CRC-32C of the base offsets of a segment with holes, i64 each, big-endian; else 0. A batch's own checksum does not cover its offset. Without holes each
    /// batch begins where the one in front ends, and a wrong offset shows; with holes nothing but this would show it.
    /// </summary>
    public uint OffsetsCrc { get; init; }

    /// <summary>Position of the batch that the last entry of the offset index points to; −1 without an entry.</summary>
    public int LastIndexedPosition { get; init; } = -1;

    /// <summary>Timestamp of the last entry of the time index; −1 without an entry.</summary>
    public long LastIndexedTimestamp { get; init; } = BatchHeader.NoTimestamp;

    /// <summary>The largest record timestamp, −1 for none. Unix milliseconds.</summary>
    public long MaxTimestamp { get; init; } = BatchHeader.NoTimestamp;

    /// <summary>Last offset of the first batch that has <see cref="MaxTimestamp"/>.</summary>
    public long MaxTimestampOffset { get; init; } = -1;

    /// <summary>When the first batch was appended, by the broker's clock. Unix milliseconds.</summary>
    public long FirstAppendMs { get; init; } = BatchHeader.NoTimestamp;

    /// <summary>When the last batch was appended, by the broker's clock, or later. Unix milliseconds.</summary>
    public long LastAppendMs { get; init; } = BatchHeader.NoTimestamp;

    /// <summary>Nothing is appended any more. Only the last segment of a list may be open.</summary>
    public bool IsSealed { get; init; }

    /// <summary>Compaction wrote it: offsets may be missing between and behind its batches.</summary>
    public bool HasHoles { get; init; }

    /// <summary>
    /// The time that retention goes by: the largest record timestamp, as in Kafka, but never later than the append, so that a record dated into the future
    /// does not pin the segment and all that follow.
    /// </summary>
    public long RetentionTimestamp => MaxTimestamp < 0 ? LastAppendMs : Math.Min(MaxTimestamp, LastAppendMs);

    /// <summary>Bytes of all files.</summary>
    public long SizeInBytes => LogLength + OffsetIndexLength + TimeIndexLength + TransactionIndexLength;
}
