namespace ExactlyOnce;

/// <summary>A transaction in the first phase of a two-phase commit: durable, undecided, blocking read_committed readers until its token is resolved.</summary>
/// <param name="Token">Names the transaction; store it with the outer decision.</param>
/// <param name="TransactionalId">The producer's transactional id.</param>
/// <param name="PreparedAt">When it was prepared, broker time.</param>
/// <param name="Partitions">The partitions it wrote to.</param>
public sealed record PreparedTransaction(string Token, string TransactionalId, DateTimeOffset PreparedAt, IReadOnlyList<TopicPartition> Partitions);
