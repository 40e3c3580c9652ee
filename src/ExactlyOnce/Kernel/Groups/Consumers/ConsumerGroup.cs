using ExactlyOnce.Kernel.Groups.Assignment;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Consumers;

/// <summary>
/// A group whose target the broker computes (KIP-848). Owned by <see cref="GroupEntry"/>, changed by Apply alone. The epoch is durable and never falls;
/// in-process members are only ever here in memory.
/// </summary>
internal sealed class ConsumerGroup
{
    private readonly Dictionary<string, ConsumerMember> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _instances = new(StringComparer.Ordinal);
    private readonly Dictionary<PartitionKey, PartitionOwner> _owners = [];

    /// <summary>A group without members whose epochs begin after <paramref name="epoch"/>.</summary>
    public static ConsumerGroup After(int epoch) => new() { Epoch = epoch };

    /// <summary>Grows with every change of membership, subscription or partition count.</summary>
    public int Epoch { get; private set; }

    public string Assignor { get; private set; } = Assignors.Uniform;

    /// <summary>Whether members that a restart loses were part of the epoch.</summary>
    public bool HasInProcessMembers { get; private set; }

    /// <summary>−1 while there are members.</summary>
    public long EmptySinceMs { get; private set; } = -1;

    public IReadOnlyDictionary<string, ConsumerMember> Members => _members;

    public ConsumerMember? TryGetMember(string id) => _members.GetValueOrDefault(id);

    public ConsumerMember? TryGetInstance(string instanceId) =>
        _instances.TryGetValue(instanceId, out var id) ? _members[id] : null;

    public bool TryGetOwner(PartitionKey partition, out PartitionOwner owner) => _owners.TryGetValue(partition, out owner);

    /// <summary>Who speaks: the id is known, and a static member is still the holder of its instance id.</summary>
    public GroupVerdict Identify(string memberId, string? instanceId)
    {
        if (instanceId is not null && TryGetInstance(instanceId) is { } holder && holder.Id != memberId)
            return GroupVerdict.FencedInstanceId;
        return _members.TryGetValue(memberId, out var member) && (instanceId is null || member.InstanceId == instanceId)
            ? GroupVerdict.None
            : GroupVerdict.UnknownMemberId;
    }

    /// <summary>Whether reconciling would change what the member may read.</summary>
    public bool IsChangePending(ConsumerMember member)
    {
        if (member.MustGiveUp)
            return true;
        if (member.Epoch != Epoch)
            return true;
        foreach (var partition in member.Target)
        {
            if (!_owners.ContainsKey(partition))
                return true;
        }
        return false;
    }

    public bool IsSubscribed(int topic)
    {
        foreach (var member in _members.Values)
        {
            if (member.Topics.AsSpan().BinarySearch(topic) >= 0)
                return true;
        }
        return false;
    }

    public GroupState State
    {
        get
        {
            if (_members.Count == 0)
                return GroupState.Empty;
            foreach (var member in _members.Values)
            {
                if (member.Epoch != Epoch || member.MustGiveUp || member.Owned.Length != member.Target.Length)
                    return GroupState.Reconciling;
            }
            return GroupState.Stable;
        }
    }

    public long NextDeadlineMs
    {
        get
        {
            var next = long.MaxValue;
            foreach (var member in _members.Values)
                next = Math.Min(next, member.NextDeadlineMs);
            return next;
        }
    }

    public void Apply(ConsumerGroupChanged record)
    {
        Epoch = record.Epoch;
        Assignor = record.Assignor;
        HasInProcessMembers = record.HasInProcessMembers;
        EmptySinceMs = record.EmptySinceMs;
    }

    public void Apply(ConsumerMemberChanged record)
    {
        Remove(record.Member.Id);
        var member = record.Member;
        _members.Add(member.Id, member);
        if (member.InstanceId is { } instance)
            _instances[instance] = member.Id;
        foreach (var owned in member.Owned)
            _owners.Add(owned.Partition, new PartitionOwner(member.Id, owned.SinceEpoch));
        foreach (var revoking in member.Revoking)
            _owners.Add(revoking.Partition, new PartitionOwner(member.Id, revoking.SinceEpoch));
    }

    public void Apply(ConsumerMemberRemoved record) => Remove(record.MemberId);

    private void Remove(string memberId)
    {
        if (!_members.Remove(memberId, out var member))
            return;
        if (member.InstanceId is { } instance && _instances.GetValueOrDefault(instance) == memberId)
            _instances.Remove(instance);
        foreach (var owned in member.Owned)
            _owners.Remove(owned.Partition);
        foreach (var revoking in member.Revoking)
            _owners.Remove(revoking.Partition);
    }

    public void AssertInvariants()
    {
        var owned = 0;
        var targets = new HashSet<PartitionKey>();
        foreach (var member in _members.Values)
        {
            Assert(member.Epoch <= Epoch, "a member is ahead of its group");
            foreach (var partition in member.Target)
                Assert(targets.Add(partition), "a partition is meant for two members");
            foreach (var partition in member.Owned)
                Assert(IsOwner(member, partition), "the owner index disagrees with a member");
            foreach (var partition in member.Revoking)
                Assert(IsOwner(member, partition), "the owner index disagrees with a member");
            owned += member.Owned.Length + member.Revoking.Length;
            Assert(member.InstanceId is null || TryGetInstance(member.InstanceId) == member, "an instance id twice");
        }
        Assert(owned == _owners.Count, "a partition has two owners, or one that is gone");
        Assert(_members.Count == 0 || EmptySinceMs < 0, "members in a group that is empty");
    }

    private bool IsOwner(ConsumerMember member, OwnedPartition owned) =>
        _owners.TryGetValue(owned.Partition, out var owner) && owner == new PartitionOwner(member.Id, owned.SinceEpoch);

    private static void Assert(bool condition, string broken)
    {
        if (!condition)
            throw new InvalidOperationException("Consumer group: " + broken + ".");
    }
}
