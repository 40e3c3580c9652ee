using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>
/// One transactional id: its scalar image, what is enrolled, and what became of its last transactions. Born with the first InitProducerId, removed by
/// expiry. Owned by <see cref="TransactionCoordinatorState"/>, under the coordination lock.
/// </summary>
internal sealed class TransactionEntry
{
    private readonly List<PartitionKey> _partitions = [];
    private readonly List<string> _groups = [];

    public TransactionEntry(EntryRecord current) => Current = current;

    public EntryRecord Current { get; private set; }

    public string TransactionalId => Current.TransactionalId;

    public ProducerIdentity Identity => Current.Identity;

    public TransactionState State => Current.State;

    /// <summary>In the order in which their locks are taken, without repetition. Empty unless a transaction is open or ending.</summary>
    public IReadOnlyList<PartitionKey> Partitions => _partitions;

    /// <summary>Groups with pending offsets, in ordinal order.</summary>
    public IReadOnlyList<string> Groups => _groups;

    public OutcomeRing Outcomes { get; } = new();

    public bool Contains(PartitionKey partition) => _partitions.BinarySearch(partition) >= 0;

    public bool ContainsGroup(string group) => _groups.BinarySearch(group, StringComparer.Ordinal) >= 0;

    public PartitionKey[] CopyPartitions() => _partitions.Count == 0 ? [] : _partitions.ToArray();

    public string[] CopyGroups() => _groups.Count == 0 ? [] : _groups.ToArray();

    /// <summary>What became, or is becoming, of the transaction of that identity; null when not remembered.</summary>
    public RememberedOutcome? FindOutcome(ProducerIdentity identity) => State switch
    {
        TransactionState.Ongoing when Identity == identity =>
            new RememberedOutcome(identity, TransactionOutcome.Open, Current.StartMs, Current.Owner, ""),
        TransactionState.Prepared when Current.PreparedIdentity == identity =>
            new RememberedOutcome(identity, TransactionOutcome.Prepared, Current.PreparedMs, Current.Owner, ""),
        _ => Outcomes.Find(identity),
    };

    public void Apply(EntryRecord target)
    {
        EntryTransitions.AssertLegal(Current, target);
        Current = target;
        if (!target.State.IsIdle())
            return;
        _partitions.Clear();
        _groups.Clear();
    }

    public void Apply(CommitRecord commit)
    {
        if (!TransactionState.Ongoing.MayFollow(State) || commit.Identity != Identity)
            throw new InvalidOperationException($"A commit of {commit.Identity} by '{TransactionalId}', which stands in {State} {Identity}.");
        Current = EntryTransitions.Commit(Current, commit.NextId, commit.AtMs);
        Outcomes.Add(new RememberedOutcome(commit.Identity, TransactionOutcome.Committed, commit.AtMs, commit.By, ""));
        _partitions.Clear();
        _groups.Clear();
    }

    public void Apply(EnrolmentRecord enrolment)
    {
        if (!TransactionState.Ongoing.MayFollow(State) || enrolment.Identity != Identity)
            throw new InvalidOperationException($"Enrolment of {enrolment.Identity} into '{TransactionalId}', which stands in {State} {Identity}.");
        Current = Current with
        {
            State = TransactionState.Ongoing,
            Generation = enrolment.Generation,
            StartMs = State == TransactionState.Ongoing ? Current.StartMs : enrolment.AtMs,
            UpdateMs = enrolment.AtMs,
        };
        Restore(enrolment.Partitions, enrolment.Groups);
    }

    /// <summary>Puts back what a snapshot held, or adds what an enrolment names.</summary>
    public void Restore(ReadOnlySpan<PartitionKey> partitions, ReadOnlySpan<string> groups)
    {
        foreach (var partition in partitions)
        {
            var at = _partitions.BinarySearch(partition);
            if (at < 0)
                _partitions.Insert(~at, partition);
        }
        foreach (var group in groups)
        {
            var at = _groups.BinarySearch(group, StringComparer.Ordinal);
            if (at < 0)
                _groups.Insert(~at, group);
        }
    }

    public void AssertInvariants()
    {
        Require(State.IsRecorded(), "stands in a state that is never recorded");
        Require(Identity.Id >= 0 && Identity.Epoch >= 0, "has no identity");
        Require(!State.IsIdle() || (_partitions.Count == 0 && _groups.Count == 0), "is idle with something enrolled");
        Require((State == TransactionState.Empty) == (Current.StartMs == EntryRecord.NoTime), "has a start exactly when something started");
        Require(Current.NextId < 0 || State.IsEnding(), "keeps a next producer id outside an ending transaction");
        Require((State == TransactionState.Prepared) != Current.PreparedIdentity.IsNone, "remembers a prepared identity exactly while prepared");
        Require(Current.TimeoutMs > 0, "has no timeout");
    }

    private void Require(bool holds, string broken)
    {
        if (!holds)
            throw new InvalidOperationException($"Transactional id '{TransactionalId}' ({State} {Identity}) {broken}.");
    }
}
