using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>What stays of an expired transactional id, so that its epochs go on if it returns.</summary>
internal readonly record struct Tombstone(ProducerIdentity Identity, long AtMs);
