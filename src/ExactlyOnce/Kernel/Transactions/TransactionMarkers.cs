using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>The markers that end a transaction: one control batch in each partition, also in those that were enrolled and never written.</summary>
/// <param name="TransactionalId">Whose.</param>
/// <param name="Identity">To stand in the markers: V2 the bumped epoch, possibly 32767; V1 the transaction's own.</param>
/// <param name="Commit">Commit or abort; also what happens to the groups' pending offsets.</param>
/// <param name="Generation">Says whether a partition must see the epoch grow (V2) or may see it stay (V1).</param>
/// <param name="Partitions">In the order their locks are taken.</param>
/// <param name="Groups">The groups with pending offsets.</param>
internal sealed record TransactionMarkers(
    string TransactionalId, ProducerIdentity Identity, bool Commit, TransactionGeneration Generation, PartitionKey[] Partitions, string[] Groups);
