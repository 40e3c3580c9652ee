namespace ExactlyOnce.Engine.Log;

/// <summary>What one compaction goes by.</summary>
internal sealed record CompactionRules
{
    /// <summary>The broker's time. Unix milliseconds.</summary>
    public required long NowMs { get; init; }

    /// <summary>How long tombstones and markers stay once they could go.</summary>
    public required long DeleteRetentionMs { get; init; }

    /// <summary>Where the last compaction ended: keys in front of it occur there only once.</summary>
    public long FirstDirtyOffset { get; init; }

    /// <summary>The most keys held in memory; beyond it the rest of the range waits for the next compaction.</summary>
    public int KeysMax { get; init; } = 4_000_000;

    /// <summary>How the rewritten segments are cut and indexed.</summary>
    public SegmentRules Segments { get; init; } = new();
}

/// <summary>
/// What a live producer's state rests on. The batch that holds it is kept by compaction, empty if need be, so that a Kafka tool or broker that rebuilds its
/// state from this log still finds the last sequence.
/// </summary>
/// <param name="LastDataOffset">Offset of its last record; −1 when it only has markers.</param>
/// <param name="Epoch">Its epoch.</param>
internal readonly record struct ProducerTrace(long LastDataOffset, short Epoch);
