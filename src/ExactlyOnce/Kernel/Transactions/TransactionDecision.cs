using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>
/// What a call is answered and what has to be done. The engine applies <see cref="Records"/> in order, writes <see cref="Markers"/>, and, when
/// <see cref="NeedsComplete"/>, decides and applies the completion, all in one frame; then it answers. Also a refusal may carry records: in strict mode
/// a takeover is answered with "concurrent transactions" while the abort it started is carried out.
/// </summary>
internal sealed class TransactionDecision
{
    /// <summary>Success, and nothing to do.</summary>
    public static readonly TransactionDecision Nothing = new();

    public TransactionVerdict Verdict { get; init; }

    /// <summary>Present when the verdict is not None and an identity was judged.</summary>
    public TransactionRefusal? Refusal { get; init; }

    /// <summary>The identity the client holds from now on; None when the call does not hand one out.</summary>
    public ProducerIdentity Identity { get; init; } = ProducerIdentity.None;

    public TransactionMarkers? Markers { get; init; }

    /// <summary>
    /// The partitions of a transaction that this call prepares. The producer of <see cref="Identity"/> is enrolled in them no longer: what it still writes
    /// there asks the coordinator, which refuses it.
    /// </summary>
    public PartitionKey[] Sealed { get; init; } = [];

    public TransactionRecord[] Records { get; init; } = [];

    /// <summary>The records end in PrepareCommit or PrepareAbort: <see cref="TransactionCoordinatorState.DecideComplete"/> is next.</summary>
    public bool NeedsComplete { get; init; }

    /// <summary>The token of the prepared transaction that this call made, kept or met.</summary>
    public string? PreparedToken { get; init; }

    /// <summary>Named producers: the last source sequence remembered, −1 for none.</summary>
    public long LastSourceSequence { get; init; } = -1;

    /// <summary>InitProducerId: what became of the id's last transaction, so that a restarted client can know; null when none is remembered.</summary>
    public RememberedOutcome? LastOutcome { get; init; }

    public bool IsRefused => Verdict != TransactionVerdict.None;
}
