using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>
/// Transactions, named producers and producer ids of one broker, as pure rules. <c>Decide…</c> reads and answers with records; <see cref="Apply"/> carries
/// records out and never refuses; recovery is a snapshot and <see cref="Apply"/>. (The one thing a decision moves is the place inside a block of producer ids,
/// which is no state: an id that was decided on and not used is lost.) Owned by the engine's coordination, under the one coordination lock.
/// Exceptions: expected refusals are verdicts; <see cref="InvalidOperationException"/> is broken code, <see cref="InvalidDataException"/> a broken snapshot.
/// </summary>
/// <remarks>Cut along its concerns: InitProducer, Enrolment, Commit, End, Aborts, TwoPhase, Expiry, Named, Refusals, Snapshot.</remarks>
internal sealed partial class TransactionCoordinatorState
{
    private readonly Dictionary<string, TransactionEntry> _entries = new(StringComparer.Ordinal);
    private readonly HashSet<TransactionEntry> _ongoing = [];
    private readonly Dictionary<string, Tombstone> _tombstones = new(StringComparer.Ordinal);
    private readonly Dictionary<string, NamedProducerRecord> _named = new(StringComparer.Ordinal);
    private readonly ProducerIdBlocks _producerIds;

    public TransactionCoordinatorState(TransactionRules rules)
        : this(rules, new ProducerIdBlocks())
    {
    }

    private TransactionCoordinatorState(TransactionRules rules, ProducerIdBlocks producerIds)
    {
        Rules = rules;
        _producerIds = producerIds;
    }

    public TransactionRules Rules { get; }

    public IReadOnlyDictionary<string, TransactionEntry> Entries => _entries;

    /// <summary>The latest broker time that any id was changed at, Unix milliseconds; 0 when there is none.</summary>
    public long LatestUpdateMs => _entries.Values.Select(entry => entry.Current.UpdateMs).DefaultIfEmpty(0).Max();

    public IReadOnlyDictionary<string, NamedProducerRecord> Named => _named;

    /// <summary>Ids removed for idleness, with the identity their epochs continue from.</summary>
    public IReadOnlyDictionary<string, Tombstone> Tombstones => _tombstones;

    public long NextBlockFirst => _producerIds.NextBlockFirst;

    public TransactionEntry? TryGet(string transactionalId) => _entries.GetValueOrDefault(transactionalId);

    /// <summary>
    /// What became of the transaction that (transactional id, producer id, epoch) names. Under V1, which keeps its epoch, the newest of that identity.
    /// </summary>
    public RememberedOutcome Outcome(string transactionalId, ProducerIdentity transaction) =>
        _entries.TryGetValue(transactionalId, out var entry) ? entry.FindOutcome(transaction) ?? RememberedOutcome.Unknown : RememberedOutcome.Unknown;

    /// <summary>An identity for a producer without a name: a new producer id at epoch 0. The records, if any, must be durable before it is used.</summary>
    public TransactionDecision AllocateProducerId()
    {
        var id = _producerIds.Take(out var block);
        return new TransactionDecision { Identity = new ProducerIdentity(id, 0), Records = block is null ? [] : [block] };
    }

    public void Apply(TransactionRecord record)
    {
        switch (record)
        {
            case EnrolmentRecord enrolment:
                var enrolling = Known(enrolment.TransactionalId);
                enrolling.Apply(enrolment);
                _ongoing.Add(enrolling);
                break;
            case CommitRecord commit:
                var committing = Known(commit.TransactionalId);
                committing.Apply(commit);
                _ongoing.Remove(committing);
                break;
            case EntryRecord target:
                ApplyEntry(target);
                break;
            case OutcomeRecord outcome:
                Known(outcome.TransactionalId).Outcomes.Add(outcome.Outcome);
                break;
            case ProducerIdBlockRecord block:
                _producerIds.Apply(block);
                break;
            case NamedProducerRecord named:
                ApplyNamed(named);
                break;
            case EntryRemovedRecord removed:
                ApplyRemoved(removed);
                break;
            default:
                throw new InvalidOperationException($"No rule applies {record.GetType().Name}.");
        }
    }

    private void ApplyEntry(EntryRecord target)
    {
        if (!_entries.TryGetValue(target.TransactionalId, out var entry))
        {
            Require(target.State == TransactionState.Empty, target.TransactionalId, "is not known and can only begin Empty");
            if (_tombstones.TryGetValue(target.TransactionalId, out var tombstone))
                Require(target.Identity.Id != tombstone.Identity.Id || target.Identity.Epoch > tombstone.Identity.Epoch, target.TransactionalId, "would return with an old epoch");
            _tombstones.Remove(target.TransactionalId);
            _entries.Add(target.TransactionalId, new TransactionEntry(target));
            return;
        }
        entry.Apply(target);
        if (target.State == TransactionState.Ongoing)
            _ongoing.Add(entry);
        else
            _ongoing.Remove(entry);
    }

    private TransactionEntry Known(string transactionalId) =>
        _entries.TryGetValue(transactionalId, out var entry)
            ? entry
            : throw new InvalidOperationException($"'{transactionalId}' is not known.");

    /// <summary>Takes a producer id and adds its block's record, when it needs one, in front of the records that use it.</summary>
    private long TakeProducerId(List<TransactionRecord> records)
    {
        var id = _producerIds.Take(out var block);
        if (block is not null)
            records.Add(block);
        return id;
    }

    public void AssertInvariants()
    {
        var producerIds = new HashSet<long>();
        foreach (var (id, entry) in _entries)
        {
            entry.AssertInvariants();
            Require(id == entry.TransactionalId, id, "stands under another id");
            Require(!_tombstones.ContainsKey(id), id, "is alive and has a tombstone");
            Require(_ongoing.Contains(entry) == (entry.State == TransactionState.Ongoing), id, "is missing from, or wrongly among, the ongoing");
            Require(entry.Identity.Id < NextBlockFirst && entry.Current.NextId < NextBlockFirst, id, "uses a producer id of no recorded block");
            Require(producerIds.Add(entry.Identity.Id), id, "shares its producer id");
        }
        foreach (var (name, named) in _named)
        {
            Require(name == named.Name && named.Identity.Id < NextBlockFirst, name, "uses a producer id of no recorded block");
            Require(producerIds.Add(named.Identity.Id), name, "shares its producer id");
        }
        Require(_ongoing.Count <= _entries.Count, "ongoing", "has entries of its own");
    }

    private static void Require(bool holds, string id, string broken)
    {
        if (!holds)
            throw new InvalidOperationException($"'{id}' {broken}.");
    }
}
