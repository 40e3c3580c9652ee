using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Transactions;

/// <summary>The last outcomes of one transactional id, oldest overwritten first. Owned by its <see cref="TransactionEntry"/>.</summary>
internal sealed class OutcomeRing
{
    public const int Capacity = 16;

    private RememberedOutcome[] _outcomes = [];
    private int _newest = -1;

    public int Count { get; private set; }

    public RememberedOutcome? Newest => Count == 0 ? null : _outcomes[_newest];

    /// <summary>From the oldest remembered, 0, to the newest.</summary>
    public RememberedOutcome this[int age] => _outcomes[(_newest + 1 - Count + age + Capacity) % Capacity];

    public void Add(RememberedOutcome outcome)
    {
        if (_outcomes.Length == 0)
            _outcomes = new RememberedOutcome[Capacity];
        _newest = (_newest + 1) % Capacity;
        _outcomes[_newest] = outcome;
        Count = Math.Min(Count + 1, Capacity);
    }

    /// <summary>The newest outcome of that identity: a V1 producer ends many transactions under one.</summary>
    public RememberedOutcome? Find(ProducerIdentity identity)
    {
        for (var i = Count - 1; i >= 0; i--)
            if (this[i].Identity == identity)
                return this[i];
        return null;
    }
}
