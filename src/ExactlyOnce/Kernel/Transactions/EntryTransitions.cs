using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>
/// The steps of a transactional id's scalar state: each makes an immutable target from the current image and changes nothing; <see cref="AssertLegal"/>
/// judges a target again when it is applied (Kafka: TransactionMetadata.prepareXxx and completeTransitionTo).
/// </summary>
internal static class EntryTransitions
{
    /// <summary>
    /// Decides the open transaction, or an empty abort. V2 bumps the epoch; <paramref name="nextId"/> takes over from an epoch that is used up.
    /// </summary>
    public static EntryRecord Prepare(EntryRecord current, bool commit, TransactionGeneration generation, long nextId, long nowMs)
    {
        var target = current with
        {
            State = commit ? TransactionState.PrepareCommit : TransactionState.PrepareAbort,
            Generation = generation,
            StartMs = current.State.IsOpen() ? current.StartMs : nowMs,
            UpdateMs = nowMs,
            PreparedIdentity = ProducerIdentity.None,
            PreparedMs = EntryRecord.NoTime,
        };
        if (generation == TransactionGeneration.V1)
            return target;
        return target with { Identity = Bumped(current.Identity), LastEpoch = current.Identity.Epoch, NextId = nextId };
    }

    /// <summary>All markers are written: the id is idle again, under its next producer id where one waits.</summary>
    public static EntryRecord Complete(EntryRecord current, long nowMs)
    {
        var target = current with
        {
            State = current.State == TransactionState.PrepareCommit ? TransactionState.CompleteCommit : TransactionState.CompleteAbort,
            UpdateMs = nowMs,
        };
        if (current.NextId < 0)
            return target;
        return target with { Identity = new ProducerIdentity(current.NextId, 0), PreviousId = current.Identity.Id, NextId = ProducerIdentity.NoId };
    }

    /// <summary>Enrolment, decision and completion of a commit of generation 2 in one step.</summary>
    public static EntryRecord Commit(EntryRecord current, long nextId, long nowMs) => current with
    {
        State = TransactionState.CompleteCommit,
        Generation = TransactionGeneration.V2,
        Identity = nextId >= 0 ? new ProducerIdentity(nextId, 0) : Bumped(current.Identity),
        LastEpoch = current.Identity.Epoch,
        PreviousId = nextId >= 0 ? current.Identity.Id : current.PreviousId,
        StartMs = current.State == TransactionState.Ongoing ? current.StartMs : nowMs,
        UpdateMs = nowMs,
    };

    /// <summary>First phase of a two-phase commit: undecided and durable. The epoch stays, because the batches carry it.</summary>
    public static EntryRecord Hold(EntryRecord current, long nowMs) => current with
    {
        State = TransactionState.Prepared,
        StartMs = current.State.IsOpen() ? current.StartMs : nowMs,
        UpdateMs = nowMs,
        PreparedIdentity = current.Identity,
        PreparedMs = nowMs,
    };

    /// <summary>32767 is reached only inside an ending transaction and never left upwards.</summary>
    public static ProducerIdentity Bumped(ProducerIdentity identity) =>
        identity with { Epoch = (short)Math.Min(identity.Epoch + 1, short.MaxValue) };

    /// <summary>
    /// What must hold between an image and its successor (Kafka: completeTransitionTo's checks). A violation is broken code or a broken journal.
    /// </summary>
    public static void AssertLegal(EntryRecord from, EntryRecord to)
    {
        Require(to.State.IsRecorded() && to.State.MayFollow(from.State), from, to, "no such transition");
        var sameId = to.Identity.Id == from.Identity.Id;
        var growth = to.Identity.Epoch - from.Identity.Epoch;
        switch (to.State)
        {
            case TransactionState.Empty:
                Require(sameId ? growth is 0 or 1 : to.Identity.Epoch == 0 && to.PreviousId == from.Identity.Id, from, to, "an init keeps, bumps or rotates");
                Require(to.StartMs == EntryRecord.NoTime, from, to, "nothing has started");
                break;
            case TransactionState.Ongoing:
                Require(sameId && growth == 0 && to.TimeoutMs == from.TimeoutMs, from, to, "enrolling changes neither identity nor timeout");
                break;
            case TransactionState.Prepared:
                Require(sameId && growth is 0 or 1 && to.PreparedIdentity.Id == to.Identity.Id, from, to, "a prepared transaction keeps its producer id");
                break;
            case TransactionState.PrepareCommit or TransactionState.PrepareAbort:
                Require(to.StartMs == from.StartMs || from.State.IsIdle(), from, to, "the start stays");
                Require(sameId, from, to, "deciding keeps the producer id");
                if (to.Generation == TransactionGeneration.V1)
                    Require(growth == 0, from, to, "V1 keeps the epoch");
                else
                    Require((growth == 1 || from.Identity.Epoch == short.MaxValue) && to.LastEpoch == from.Identity.Epoch, from, to, "V2 bumps the epoch and remembers the old one");
                break;
            default:
                Require(to.StartMs != EntryRecord.NoTime, from, to, "a complete transaction has started");
                Require(from.NextId < 0 ? sameId && growth == 0 : to.Identity == new ProducerIdentity(from.NextId, 0) && to.PreviousId == from.Identity.Id, from, to, "completing rotates where a next id waits");
                break;
        }
    }

    private static void Require(bool holds, EntryRecord from, EntryRecord to, string rule)
    {
        if (!holds)
            throw new InvalidOperationException($"Illegal transition of '{from.TransactionalId}' from {from.State} {from.Identity} to {to.State} {to.Identity}: {rule}.");
    }
}
