namespace ExactlyOnce.Kernel.Records;

/// <summary>What a topic asks of a batch that comes to it. Immutable; made once per topic configuration.</summary>
internal sealed record BatchRules
{
    /// <summary>For a limit in milliseconds: none.</summary>
    public const long NoLimit = long.MaxValue;

    /// <summary>The largest batch, in bytes with its header, compressed if it is.</summary>
    public int MaxBatchBytes { get; init; } = 1_048_588;

    public TimestampType TimestampType { get; init; } = TimestampType.CreateTime;

    /// <summary>How far a record's timestamp may lie behind the broker's clock.</summary>
    public long TimestampMaxBehindMs { get; init; } = NoLimit;

    /// <summary>How far a record's timestamp may lie ahead of the broker's clock.</summary>
    public long TimestampMaxAheadMs { get; init; } = 3_600_000;

    /// <summary>Compacted topics know records by key.</summary>
    public bool RequiresKeys { get; init; }
}
