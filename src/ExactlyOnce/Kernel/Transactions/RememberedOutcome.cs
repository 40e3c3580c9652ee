using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>What became of one transaction, and who decided it.</summary>
/// <param name="Identity">The identity under which its batches were written.</param>
/// <param name="Outcome">Committed, Aborted, TimedOut or Fenced.</param>
/// <param name="AtMs">When it was decided, broker time.</param>
/// <param name="By">Who decided: the client, the broker, an operator, the newer instance.</param>
/// <param name="Why">For people; empty where the outcome says it all.</param>
internal sealed record RememberedOutcome(ProducerIdentity Identity, TransactionOutcome Outcome, long AtMs, string By, string Why)
{
    public const string Broker = "broker";

    /// <summary>The answer for a transaction nobody remembers.</summary>
    public static readonly RememberedOutcome Unknown = new(ProducerIdentity.None, TransactionOutcome.Unknown, EntryRecord.NoTime, "", "");

    public bool IsCommit => Outcome == TransactionOutcome.Committed;
}
