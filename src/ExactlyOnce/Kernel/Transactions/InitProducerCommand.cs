using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>Asks for the identity of a transactional id.</summary>
internal readonly record struct InitProducerCommand(string TransactionalId, TransactionClient Client)
{
    /// <summary>The identity the client has, when it only wants a newer epoch (KIP-360); None for a new instance, which fences every older one.</summary>
    public ProducerIdentity Expected { get; init; } = ProducerIdentity.None;

    public int TimeoutMs { get; init; } = 60_000;

    /// <summary>The client decides elsewhere: its transactions never time out (KIP-939).</summary>
    public bool TwoPhase { get; init; }

    /// <summary>Take over a prepared transaction undecided instead of being refused because of it.</summary>
    public bool KeepPrepared { get; init; }
}
