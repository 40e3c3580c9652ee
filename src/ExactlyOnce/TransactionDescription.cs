namespace ExactlyOnce;

/// <summary>A transaction that is open now.</summary>
/// <param name="TransactionalId">The producer's transactional id.</param>
/// <param name="ProducerId">The producer id it writes under.</param>
/// <param name="Epoch">The epoch it writes under.</param>
/// <param name="StartedAt">When its first record was written, broker time.</param>
/// <param name="Partitions">The partitions it wrote to.</param>
public sealed record TransactionDescription(
    string TransactionalId, long ProducerId, short Epoch, DateTimeOffset StartedAt, IReadOnlyList<TopicPartition> Partitions);
