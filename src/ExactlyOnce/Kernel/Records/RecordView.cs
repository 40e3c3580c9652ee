namespace ExactlyOnce.Kernel.Records;

/// <summary>One record, still in its batch's bytes. Valid as long as they are.</summary>
internal readonly ref struct RecordView
{
    public long Offset { get; init; }

    /// <summary>The producer's time, or the append time of the whole batch. Unix milliseconds, −1 for none.</summary>
    public long TimestampMs { get; init; }

    /// <summary>The record's number in its producer's sequence, −1 for none.</summary>
    public int Sequence { get; init; }

    public ReadOnlySpan<byte> Key { get; init; }

    /// <summary>False for a null key, which is not the same as an empty one.</summary>
    public bool HasKey { get; init; }

    public ReadOnlySpan<byte> Value { get; init; }

    /// <summary>False for a null value: a tombstone in a compacted topic.</summary>
    public bool HasValue { get; init; }

    /// <summary>The headers, read as they are asked for.</summary>
    public RecordHeaderReader Headers { get; init; }
}
