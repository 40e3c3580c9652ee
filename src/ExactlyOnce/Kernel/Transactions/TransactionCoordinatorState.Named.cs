using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

internal sealed partial class TransactionCoordinatorState
{
    /// <summary>Opens a named producer: a newer epoch, which fences the older holder, and the last source sequence that was appended.</summary>
    public TransactionDecision DecideOpenNamed(string name, string by, long nowMs)
    {
        if (!TransactionText.IsName(name))
            return new TransactionDecision { Verdict = TransactionVerdict.InvalidRequest };
        var records = new List<TransactionRecord>(2);
        var last = -1L;
        ProducerIdentity identity;
        if (_named.TryGetValue(name, out var known) && !known.Identity.IsExhausted)
            identity = known.Identity with { Epoch = (short)(known.Identity.Epoch + 1) };
        else
            identity = new ProducerIdentity(TakeProducerId(records), 0);
        if (known is not null)
            last = known.LastSourceSequence;
        records.Add(new NamedProducerRecord(name, identity, last, TransactionText.Owner(by), nowMs));
        return new TransactionDecision { Identity = identity, LastSourceSequence = last, Records = records.ToArray() };
    }

    /// <summary>
    /// The caller's own sequence moves on, with the batches it stands for in the same frame. ProducerFenced for an older holder; DuplicateSequence, with the
    /// remembered one, when it does not increase: what it stands for was appended before.
    /// </summary>
    public TransactionDecision DecideNamedAppend(string name, ProducerIdentity identity, long lastSourceSequence)
    {
        if (!_named.TryGetValue(name, out var known))
            return new TransactionDecision { Verdict = TransactionVerdict.NotFound };
        if (identity != known.Identity)
            return new TransactionDecision
            {
                Verdict = TransactionVerdict.ProducerFenced,
                Refusal = new TransactionRefusal(
                    TransactionVerdict.ProducerFenced, identity, RememberedOutcome.Unknown, known.Identity, known.Owner, known.OwnedSinceMs),
            };
        if (lastSourceSequence <= known.LastSourceSequence)
            return new TransactionDecision { Verdict = TransactionVerdict.DuplicateSequence, Identity = identity, LastSourceSequence = known.LastSourceSequence };
        return new TransactionDecision
        {
            Identity = identity,
            LastSourceSequence = lastSourceSequence,
            Records = [known with { LastSourceSequence = lastSourceSequence }],
        };
    }

    private void ApplyNamed(NamedProducerRecord target)
    {
        if (_named.TryGetValue(target.Name, out var known))
        {
            Require(target.LastSourceSequence >= known.LastSourceSequence, target.Name, "would forget source sequences");
            Require(target.Identity.Id != known.Identity.Id || target.Identity.Epoch >= known.Identity.Epoch, target.Name, "would go back in epochs");
        }
        _named[target.Name] = target;
    }
}
