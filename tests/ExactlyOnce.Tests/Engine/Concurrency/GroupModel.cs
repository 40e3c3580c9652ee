namespace ExactlyOnce.Tests.Engine.Concurrency;

/// <summary>
/// A group with one partition: it is meant for one of the members and held by at most one, who need not be the same. It stays meant for whom it was meant for;
/// free, it goes to the first by name. Members that come or go begin an epoch.
/// </summary>
internal sealed class GroupModel : SequentialModel<GroupStep>
{
    private readonly SortedDictionary<int, int> _epochs = [];
    private int _epoch;
    private int? _meantFor;
    private (int Member, int SinceEpoch)? _holder;
    private int? _offset;

    public override string State => $"members {string.Join(' ', _epochs.Keys)}, {Fetch()}";

    protected override string Answer(GroupStep step) => step switch
    {
        GroupStep.Join join => Join(join.Member),
        GroupStep.Reconcile reconcile => _epochs.ContainsKey(reconcile.Member) ? Reconcile(reconcile.Member) : ThreadedEngine.Refused,
        GroupStep.Leave leave => Leave(leave.Member),
        GroupStep.Commit commit => Commit(commit),
        GroupStep.CommitOutside commit => _epochs.Count == 0 ? Store(commit.Offset) : ThreadedEngine.Refused,
        GroupStep.Fetch => Fetch(),
        _ => throw new ArgumentOutOfRangeException(nameof(step)),
    };

    private string Join(int member)
    {
        if (!_epochs.TryAdd(member, 0))
        {
            if (_holder?.Member == member)
                _holder = null;
        }
        else
        {
            Retarget();
        }
        return Reconcile(member);
    }

    private string Reconcile(int member)
    {
        if (_meantFor != member && _holder?.Member == member)
            _holder = null;
        if (_meantFor == member)
            _holder ??= (member, _epoch);
        _epochs[member] = _epoch;
        return $"epoch {_epoch}, {(_holder?.Member == member ? "has it" : "has nothing")}";
    }

    private string Leave(int member)
    {
        if (!_epochs.Remove(member))
            return ThreadedEngine.Refused;
        if (_holder?.Member == member)
            _holder = null;
        if (_meantFor == member)
            _meantFor = null;
        Retarget();
        return "left";
    }

    private void Retarget()
    {
        _epoch++;
        _meantFor ??= _epochs.Count > 0 ? _epochs.Keys.First() : null;
    }

    private string Commit(GroupStep.Commit step) =>
        _epochs.TryGetValue(step.Member, out var epoch) && step.Epoch <= epoch && _holder?.Member == step.Member && _holder?.SinceEpoch <= step.Epoch
            ? Store(step.Offset)
            : ThreadedEngine.Refused;

    private string Store(int offset)
    {
        _offset = offset;
        return "committed";
    }

    private string Fetch() => _offset is { } offset ? $"offset {offset}" : "no offset";
}
