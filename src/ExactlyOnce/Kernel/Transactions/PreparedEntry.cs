using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>A transaction that waits for its outer decision.</summary>
internal sealed record PreparedEntry(string Token, string TransactionalId, long PreparedMs, PartitionKey[] Partitions);
