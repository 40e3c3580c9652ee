namespace ExactlyOnce.Kernel.Transactions;

/// <summary>What may be chosen about transactions. Only decisions look at it; <c>Apply</c> never does, so a changed rule cannot change a replay.</summary>
internal sealed record TransactionRules
{
    public static readonly TransactionRules Default = new();

    /// <summary>
    /// Kafka's answers where ours are stronger: network clients meet CONCURRENT_TRANSACTIONS when they take over an open transaction and are checked by
    /// producer id only, keepPrepared is unsupported, and a timeout is told as Kafka tells it, to in-process clients too.
    /// </summary>
    public bool StrictKafka { get; init; }

    /// <summary>Whether clients may ask for two-phase commit at InitProducerId (Kafka: transaction.two.phase.commit.enable).</summary>
    public bool TwoPhaseCommit { get; init; } = true;

    public int TimeoutMaxMs { get; init; } = 900_000;

    /// <summary>Checked at enrolment, so that no commit can ever be too large for one journal frame.</summary>
    public int PartitionsPerTransactionMax { get; init; } = 10_000;

    public int GroupsPerTransactionMax { get; init; } = 1_000;

    /// <summary>An id idle for this long is removed, leaving a tombstone (Kafka: transactional.id.expiration.ms).</summary>
    public long ExpiryMs { get; init; } = 7L * 24 * 60 * 60 * 1000;

    /// <summary>
    /// How long a tombstone lets a returning id continue its epochs. Afterwards it starts with a new producer id; an even older zombie is then refused by the
    /// enrolment of its first batch, not by its epoch.
    /// </summary>
    public long TombstoneRetentionMs { get; init; } = 90L * 24 * 60 * 60 * 1000;
}
