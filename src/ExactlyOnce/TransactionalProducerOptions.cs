using ExactlyOnce.Clients.Producing;

namespace ExactlyOnce;

/// <summary>How a transactional producer works. Validated once, when the producer is created.</summary>
public sealed class TransactionalProducerOptions
{
    /// <summary>
    /// How long a transaction may stay open before the broker aborts it. Default 60 seconds; at most <see cref="BrokerOptions.MaxTransactionTimeout"/>.
    /// </summary>
    public TimeSpan TransactionTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>The size at which a batch is sent, in bytes. Default 64 KiB.</summary>
    public int BatchSize { get; set; } = ProducerSettings.DefaultBatchBytes;

    /// <summary>How many bytes may be accepted and not yet acknowledged; beyond that SendAsync waits. Default 32 MiB.</summary>
    public long BufferMemory { get; set; } = ProducerSettings.DefaultBufferMemoryBytes;

    /// <summary>How batches are compressed. Default not at all.</summary>
    public CompressionType Compression { get; set; } = CompressionType.None;

    /// <summary>Who chooses the partition of a record with a key. Default <see cref="Partitioners.Murmur2"/>.</summary>
    public Partitioner Partitioner { get; set; } = Partitioners.Murmur2;

    /// <summary>
    /// How often <see cref="TransactionalProducer.InTransactionAsync(Func{TransactionWriter, CancellationToken, Task}, CancellationToken)"/> tries at most.
    /// Default 10.
    /// </summary>
    public int MaxAttempts { get; set; } = 10;

    /// <summary>How long it waits before the second attempt; doubled for each further one, up to one second. Default 20 milliseconds.</summary>
    public TimeSpan RetryBackoff { get; set; } = TimeSpan.FromMilliseconds(20);

    internal ProducerSettings ToSettings(string transactionalId, BrokerOptions broker, Clients.BrokerBackend backend)
    {
        SettingLimits.CheckIdentity(transactionalId, nameof(transactionalId));
        SettingLimits.CheckBatchBytes(BatchSize);
        SettingLimits.CheckBufferMemory(BufferMemory);
        SettingLimits.CheckCompression(Compression, backend);
        ArgumentNullException.ThrowIfNull(Partitioner);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxAttempts, 1);
        SettingLimits.CheckWait(RetryBackoff, nameof(RetryBackoff));
        if (TransactionTimeout <= TimeSpan.Zero || TransactionTimeout > broker.MaxTransactionTimeout)
            throw new InvalidRequestException(
                ErrorCode.InvalidTransactionTimeout,
                $"A transaction timeout is above zero and at most {broker.MaxTransactionTimeout} (BrokerOptions.MaxTransactionTimeout); it was {TransactionTimeout}.");
        return new ProducerSettings
        {
            TransactionalId = transactionalId,
            TransactionTimeout = TransactionTimeout,
            BatchBytes = BatchSize,
            BufferMemoryBytes = BufferMemory,
            Compression = Compression,
            Partitioner = Partitioner,
            CloseTimeout = broker.CloseTimeout,
            AutoCreateTopics = broker.AutoCreateTopics,
        };
    }
}
