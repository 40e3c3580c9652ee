namespace ExactlyOnce.Clients.Producing;

/// <summary>How a producer batches, bounds and signs what it writes. Validated where it is built, immutable from then on.</summary>
internal sealed record ProducerSettings
{
    public const int DefaultBatchBytes = 64 * 1024;
    public const long DefaultBufferMemoryBytes = 32 * 1024 * 1024;

    /// <summary>How long a posted record may wait for company when the producer has no linger of its own: the clock's finest useful step.</summary>
    public static readonly TimeSpan LeastPostLinger = TimeSpan.FromMilliseconds(1);

    /// <summary>How long a sent record waits for company; zero sends at once.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.Zero;

    public int BatchBytes { get; init; } = DefaultBatchBytes;

    public long BufferMemoryBytes { get; init; } = DefaultBufferMemoryBytes;

    public CompressionType Compression { get; init; } = CompressionType.None;

    public Partitioner Partitioner { get; init; } = Partitioners.Murmur2;

    /// <summary>The name of a producer whose last source sequence is remembered; null for an anonymous one.</summary>
    public string? Name { get; init; }

    public string? TransactionalId { get; init; }

    public TimeSpan TransactionTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long closing waits for what was sent.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(30);

    public bool AutoCreateTopics { get; init; } = true;

    public TimeSpan PostLinger => Linger > LeastPostLinger ? Linger : LeastPostLinger;

    public bool IsTransactional => TransactionalId is not null;
}
