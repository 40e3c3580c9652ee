using ExactlyOnce.Clients.Consuming;

namespace ExactlyOnce.Tests.Clients.Consuming;

/// <summary>A consumer group: members in the order they came, partitions dealt out in turn, given up before they are taken.</summary>
internal sealed class MemoryGroup(MemoryBackend backend, string name)
{
    private readonly List<MemoryMember> _members = [];

    public string Name => name;

    public Dictionary<TopicPartition, CommittedOffset> Committed { get; } = [];

    /// <summary>Who owns what now.</summary>
    public Dictionary<TopicPartition, MemoryMember> Owners { get; } = [];

    public IReadOnlyList<MemoryMember> Members => _members;

    public MemoryMember Join(GroupJoinRequest request)
    {
        var member = new MemoryMember(backend, this, request.Topics[0], $"member-{backend.NextNumber()}");
        _members.Add(member);
        SignalAll();
        return member;
    }

    public void Leave(MemoryMember member)
    {
        _members.Remove(member);
        foreach (var partition in Owners.Where(pair => pair.Value == member).Select(pair => pair.Key).ToList())
            Owners.Remove(partition);
        SignalAll();
    }

    /// <summary>What the member should have: every n-th partition of the topic.</summary>
    public List<TopicPartition> TargetOf(MemoryMember member)
    {
        var place = _members.IndexOf(member);
        return place < 0 ? [] : [.. backend.PartitionsOf(member.Topic).Where(partition => partition.Partition % _members.Count == place)];
    }

    public void SignalAll()
    {
        foreach (var member in _members)
            member.Signal?.Set();
    }
}

/// <summary>Membership in a <see cref="MemoryGroup"/>.</summary>
internal sealed class MemoryMember(MemoryBackend backend, MemoryGroup group, string topic, string id) : GroupSession
{
    private GroupAssignment _assignment = new(0, []);

    public string Topic => topic;

    public ReadSignal? Signal { get; private set; }

    public override string Group => group.Name;

    public override string MemberId => id;

    public override GroupAssignment Assignment => _assignment;

    public override bool IsChangePending
    {
        get
        {
            lock (backend.Gate)
                return Owned().Except(group.TargetOf(this)).Any() || group.TargetOf(this).Any(partition => !group.Owners.ContainsKey(partition));
        }
    }

    public override ValueTask<GroupAssignment> ReconcileAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (backend.Gate)
        {
            var target = group.TargetOf(this);
            foreach (var partition in Owned().Except(target))
                group.Owners.Remove(partition);
            foreach (var partition in target)
                group.Owners.TryAdd(partition, this);
            _assignment = new GroupAssignment(_assignment.MemberEpoch + 1, Owned());
            group.SignalAll();
            return new ValueTask<GroupAssignment>(_assignment);
        }
    }

    public override void Attach(ReadSignal signal) => Signal = signal;

    public override ValueTask CommitAsync(IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets, CancellationToken cancellationToken)
    {
        lock (backend.Gate)
            Commit(offsets);
        return default;
    }

    public void Commit(IReadOnlyDictionary<TopicPartition, CommittedOffset> offsets)
    {
        CheckOwned(offsets.Keys);
        foreach (var (partition, offset) in offsets)
            group.Committed[partition] = offset;
    }

    public void CheckOwned(IEnumerable<TopicPartition> partitions)
    {
        if (partitions.Any(partition => group.Owners.GetValueOrDefault(partition) != this))
            throw ErrorTable.ToException(ErrorCode.StaleMemberEpoch, $"Member {id} does not own the partition any more.");
    }

    public override ValueTask DisposeAsync()
    {
        lock (backend.Gate)
            group.Leave(this);
        return default;
    }

    private List<TopicPartition> Owned() => [.. group.Owners.Where(pair => pair.Value == this).Select(pair => pair.Key)];
}
