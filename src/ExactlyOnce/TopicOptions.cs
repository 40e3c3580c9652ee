namespace ExactlyOnce;

/// <summary>A topic's configuration. Names in parentheses are Kafka's; defaults are Kafka's unless said otherwise.</summary>
public sealed class TopicOptions
{
    /// <summary>Keep records for ever, or as many as there are.</summary>
    public static readonly TimeSpan Forever = Timeout.InfiniteTimeSpan;

    /// <summary>Number of partitions, 1 to 100,000. It can grow later and never shrinks. Default 1.</summary>
    public int Partitions { get; set; } = 1;

    /// <summary>What becomes of old records (<c>cleanup.policy</c>).</summary>
    public CleanupPolicy Cleanup { get; set; } = CleanupPolicy.Delete;

    /// <summary>How long records are kept at least, or <see cref="Forever"/> (<c>retention.ms</c>). Default 7 days.</summary>
    public TimeSpan RetainFor { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How many bytes a partition keeps at least; −1 for no limit (<c>retention.bytes</c>). Default −1.</summary>
    public long RetainBytes { get; set; } = -1;

    /// <summary>Size at which a segment file is closed and a new one begun (<c>segment.bytes</c>). Default 128 MiB (Kafka: 1 GiB).</summary>
    public int SegmentBytes { get; set; } = 128 * 1024 * 1024;

    /// <summary>Age at which a segment is closed even when it is not full (<c>segment.ms</c>). Default 7 days.</summary>
    public TimeSpan SegmentAge { get; set; } = TimeSpan.FromDays(7);

    /// <summary>The largest batch accepted, in bytes with its header (<c>max.message.bytes</c>). Default 1,048,588.</summary>
    public int MaxMessageBytes { get; set; } = 1_048_588;

    /// <summary>Which time records carry (<c>message.timestamp.type</c>).</summary>
    public TimestampType TimestampType { get; set; } = TimestampType.CreateTime;

    /// <summary>How far a producer's timestamp may lie ahead of the broker's clock (<c>message.timestamp.after.max.ms</c>). Default 1 hour.</summary>
    public TimeSpan TimestampMaxAhead { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How long compaction leaves a record alone (<c>min.compaction.lag.ms</c>). Default zero.</summary>
    public TimeSpan MinCompactionLag { get; set; } = TimeSpan.Zero;

    /// <summary>How long tombstones and markers stay after compaction could drop them (<c>delete.retention.ms</c>). Default 24 hours.</summary>
    public TimeSpan DeleteRetention { get; set; } = TimeSpan.FromHours(24);

    /// <summary>
    /// How many batches of each producer a partition remembers to recognise a retry; at least 5, which is Kafka's fixed number. Default 5. A change holds from
    /// the next opening of the broker on.
    /// </summary>
    public int DuplicateWindowBatches { get; set; } = 5;

    /// <summary>How long a message id is remembered; zero switches message-id deduplication off. Default zero.</summary>
    public TimeSpan MessageIdWindow { get; set; } = TimeSpan.Zero;

    internal TopicOptions Clone() => (TopicOptions)MemberwiseClone();
}
