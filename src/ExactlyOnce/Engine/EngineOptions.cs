namespace ExactlyOnce.Engine;

/// <summary>What the engine needs to know to open a broker; validated where it is made, by the public options.</summary>
internal sealed record EngineOptions
{
    /// <summary>The directory; null in memory.</summary>
    public string? Directory { get; init; }

    public Durability Durability { get; init; } = Durability.Memory;

    /// <summary>How long a group commit may wait for company. Zero: not at all.</summary>
    public TimeSpan CommitDelay { get; init; }

    public long JournalFileBytes { get; init; } = 64L << 20;

    /// <summary>Unwritten tail bytes at which a checkpoint starts.</summary>
    public long CheckpointBytes { get; init; } = 64L << 20;

    /// <summary>Unwritten tail bytes at which producers are made to wait.</summary>
    public long TailBytesMax { get; init; } = 256L << 20;

    /// <summary>
    /// Unwritten bytes of a partition below which a checkpoint keeps them in its own file: a thousand slow partitions must not cost a thousand syncs.
    /// </summary>
    public int SmallTailBytes { get; init; } = 64 << 10;

    /// <summary>About how many bytes of a segment lie between two index entries.</summary>
    public int IndexIntervalBytes { get; init; } = 4096;

    /// <summary>Queued journal bytes at which producers are made to wait.</summary>
    public long JournalQueueBytesMax { get; init; } = 64L << 20;

    /// <summary>How old the last checkpoint may become while there is something to write.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How often housekeeping looks at retention, expiry and the clock.</summary>
    public TimeSpan HousekeepingInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>In Written durability: how long written bytes stay unsynced.</summary>
    public TimeSpan SyncInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long closing waits for a thread that is at the disk.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan TransactionTimeoutMax { get; init; } = TimeSpan.FromMinutes(15);

    public TimeSpan ProducerExpiry { get; init; } = TimeSpan.FromDays(1);

    public TimeSpan TransactionalIdExpiry { get; init; } = TimeSpan.FromDays(7);

    public TimeSpan OffsetsRetention { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Rules exactly as Kafka's, also where they are weaker than ours.</summary>
    public bool StrictKafka { get; init; }

    public IReadOnlyList<ICompressionCodec> Codecs { get; init; } = [];
}
