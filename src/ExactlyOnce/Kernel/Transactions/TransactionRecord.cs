using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>
/// A change of the coordinator's state, as decided: applied at once, written as a piece of a journal frame, applied again at recovery. Immutable; carries every
/// time it needs. Bytes: <see cref="TransactionRecordCodec"/>.
/// </summary>
internal abstract record TransactionRecord;

/// <summary>The whole scalar state of a transactional id. An entry holds the last one applied; a decision derives the next with <c>with</c>.</summary>
internal sealed record EntryRecord : TransactionRecord
{
    public const long NoTime = -1;

    /// <summary>The timeout of a two-phase producer: none.</summary>
    public const int NoTimeout = int.MaxValue;

    public required string TransactionalId { get; init; }

    public required ProducerIdentity Identity { get; init; }

    /// <summary>The epoch before the last bump, when a client may retry the call that bumped it; else −1.</summary>
    public short LastEpoch { get; init; } = ProducerIdentity.NoEpoch;

    /// <summary>The producer id before the last rotation, −1 for none: an answer lost in the rotation can be asked for again.</summary>
    public long PreviousId { get; init; } = ProducerIdentity.NoId;

    /// <summary>The producer id that takes over at the end of the ending transaction, because its epoch is used up; else −1.</summary>
    public long NextId { get; init; } = ProducerIdentity.NoId;

    public required TransactionState State { get; init; }

    /// <summary>The generation of the last call that opened or ended a transaction. Only an end of V2 can be recognised as retried by its epoch.</summary>
    public required TransactionGeneration Generation { get; init; }

    public required int TimeoutMs { get; init; }

    /// <summary>When the first partition was enrolled (an empty abort: when it was aborted); −1 when Empty.</summary>
    public long StartMs { get; init; } = NoTime;

    public required long UpdateMs { get; init; }

    public required OwnerKind OwnerKind { get; init; }

    /// <summary>Who initialised or fenced the id last.</summary>
    public required string Owner { get; init; }

    public required long OwnedSinceMs { get; init; }

    /// <summary>The identity that wrote the prepared transaction; the current one may be newer, when a later instance took it over undecided.</summary>
    public ProducerIdentity PreparedIdentity { get; init; } = ProducerIdentity.None;

    public long PreparedMs { get; init; } = NoTime;

    public bool IsTwoPhase => TimeoutMs == NoTimeout;

    /// <summary>The identity under which the open transaction's batches were written: what names the transaction.</summary>
    public ProducerIdentity Transaction => State == TransactionState.Prepared ? PreparedIdentity : Identity;

    /// <summary>The last millisecond at which the open transaction is not yet too old.</summary>
    public long DeadlineMs => IsTwoPhase ? long.MaxValue : StartMs + TimeoutMs;
}

/// <summary>Adds partitions and groups to a transaction; opens it when none is open.</summary>
internal sealed record EnrolmentRecord(
    string TransactionalId, ProducerIdentity Identity, TransactionGeneration Generation, PartitionKey[] Partitions, string[] Groups, long AtMs) : TransactionRecord;

/// <summary>
/// A transaction that brought its last batches along with its commit: enrolment, decision, outcome and completion in one record, which leads to the same state
/// as those of the steps one after the other.
/// </summary>
/// <param name="TransactionalId">Whose.</param>
/// <param name="Identity">Under which it was written.</param>
/// <param name="NextId">The producer id that takes over, because the epoch is used up; else −1.</param>
/// <param name="By">Who committed, for people.</param>
/// <param name="AtMs">When, broker time.</param>
internal sealed record CommitRecord(string TransactionalId, ProducerIdentity Identity, long NextId, string By, long AtMs) : TransactionRecord;

/// <summary>What became of a transaction; written with the decision.</summary>
internal sealed record OutcomeRecord(string TransactionalId, RememberedOutcome Outcome) : TransactionRecord;

/// <summary>Removes an idle id and leaves its last identity as a tombstone; with no identity removes the tombstone too.</summary>
internal sealed record EntryRemovedRecord(string TransactionalId, ProducerIdentity Tombstone, long AtMs) : TransactionRecord;

/// <summary>The whole state of a named producer.</summary>
/// <param name="Name">The producer's name.</param>
/// <param name="Identity">The holder's identity; an older epoch is fenced.</param>
/// <param name="LastSourceSequence">The last sequence of the caller's own that was appended; −1 for none.</param>
/// <param name="Owner">Who opened it last.</param>
/// <param name="OwnedSinceMs">When it was opened last.</param>
internal sealed record NamedProducerRecord(
    string Name, ProducerIdentity Identity, long LastSourceSequence, string Owner, long OwnedSinceMs) : TransactionRecord;

/// <summary>Claims the producer ids from <paramref name="First"/> on; durable before the first of them is used.</summary>
internal sealed record ProducerIdBlockRecord(long First, int Count) : TransactionRecord;
