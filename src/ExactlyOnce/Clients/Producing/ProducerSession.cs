using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Clients.Producing;

/// <summary>Asks for a producer identity: anonymous, named (own sequence remembered), or transactional.</summary>
internal sealed record ProducerRequest
{
    public string? TransactionalId { get; init; }

    public string? Name { get; init; }

    public TimeSpan TransactionTimeout { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>A producer identity in use. Owned by one producer object; the backend replaces <see cref="Identity"/> when a transaction ends.</summary>
internal sealed class ProducerSession
{
    public required ProducerIdentity Identity { get; set; }

    public string? TransactionalId { get; init; }

    public string? Name { get; init; }

    /// <summary>For named producers: the last source sequence that is durable, −1 for none.</summary>
    public long LastSourceSequence { get; set; } = -1;

    /// <summary>Set by the backend when this session was superseded or expired; every later call answers it.</summary>
    public BrokerException? Fenced { get; set; }
}

/// <summary>Consumer offsets to be committed with a transaction, fenced by membership when <paramref name="Member"/> is given.</summary>
/// <param name="Group">The consumer group.</param>
/// <param name="Member">The membership the offsets were read under; null only for groups without members.</param>
/// <param name="Offsets">The next offset to read, per partition.</param>
internal sealed record TransactionOffsets(
    string Group, Consuming.GroupSession? Member, IReadOnlyDictionary<TopicPartition, CommittedOffset> Offsets);
