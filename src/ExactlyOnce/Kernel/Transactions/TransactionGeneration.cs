namespace ExactlyOnce.Kernel.Transactions;

/// <summary>The client generation, Kafka's transaction version.</summary>
internal enum TransactionGeneration : byte
{
    /// <summary>Partitions are added explicitly; the epoch stays at the end of a transaction (EndTxn up to v4; every librdkafka client).</summary>
    V1 = 1,

    /// <summary>
    /// Partitions are added with the first batch; every end bumps the epoch and hands the client its next identity (KIP-890). The engine's own.
    /// </summary>
    V2 = 2,
}
