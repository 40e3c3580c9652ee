using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

internal sealed partial class TransactionCoordinatorState
{
    /// <summary>The verdict of Kafka's table, made clearer for in-process clients, with everything that is known about the loser's transaction.</summary>
    private TransactionDecision Refuse(TransactionVerdict verdict, TransactionEntry entry, ProducerIdentity identity, in TransactionClient client)
    {
        var clearer = client.Kind == OwnerKind.InProcess && !Rules.StrictKafka ? Clearer(verdict, entry, identity) : verdict;
        return Told(clearer, entry, identity);
    }

    /// <summary>A caller without an identity hears of the transaction that is in its way.</summary>
    private static TransactionDecision Told(TransactionVerdict verdict, TransactionEntry entry, ProducerIdentity identity)
    {
        var outcome = entry.FindOutcome(identity.IsNone ? entry.Current.Transaction : identity) ?? RememberedOutcome.Unknown;
        return new TransactionDecision
        {
            Verdict = verdict,
            Refusal = new TransactionRefusal(
                verdict, identity, outcome, entry.Identity, entry.Current.Owner, entry.Current.OwnedSinceMs),
            PreparedToken = entry.State == TransactionState.Prepared ? Token(entry.Current) : null,
            LastOutcome = entry.Outcomes.Newest,
        };
    }

    // Kafka tells a producer whose transaction timed out the same as one that was fenced. Here the first hears TimedOut, as long as it can still go on by
    // aborting; once another instance holds the id it is fenced like any other.
    private static TransactionVerdict Clearer(TransactionVerdict verdict, TransactionEntry entry, ProducerIdentity identity)
    {
        if (verdict is not (TransactionVerdict.ProducerFenced or TransactionVerdict.InvalidProducerEpoch
            or TransactionVerdict.InvalidTransactionState or TransactionVerdict.InvalidProducerIdMapping))
            return verdict;
        var remembered = entry.Outcomes.Find(identity);
        if (remembered?.Outcome == TransactionOutcome.TimedOut && entry.State == TransactionState.CompleteAbort && EndedByRetry(entry.Current, identity))
            return TransactionVerdict.TimedOut;
        var rotatedAway = verdict == TransactionVerdict.InvalidProducerIdMapping && identity.Id == entry.Current.PreviousId;
        if (remembered?.Outcome == TransactionOutcome.Fenced || verdict == TransactionVerdict.InvalidProducerEpoch || rotatedAway)
            return TransactionVerdict.ProducerFenced;
        return verdict;
    }

    private static TransactionDecision NotKnown(ProducerIdentity identity) => new()
    {
        Verdict = TransactionVerdict.InvalidProducerIdMapping,
        Refusal = new TransactionRefusal(
            TransactionVerdict.InvalidProducerIdMapping, identity, RememberedOutcome.Unknown, ProducerIdentity.None, "", EntryRecord.NoTime),
    };
}
