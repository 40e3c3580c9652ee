using ExactlyOnce.Testing.History.Tables;

namespace ExactlyOnce.Testing.History.Checks;

/// <summary>
/// I22, ownership: at each instant at most one member of a group generation owns p, and only it commits. A member of a later generation takes a partition
/// over from one of an earlier generation, which is a zombie from then on; of two members in one generation neither may. A commit counts when its member
/// owned the partition at some time while the call ran. After a death of the broker earlier owners keep what they have until somebody else is given it.
/// Memory: the owners.
/// </summary>
internal sealed class Ownership(HistoryTables tables, Report report) : ICallCheck, IFactCheck
{
    private readonly Dictionary<(string Group, TopicPartition Partition), Owner> _owners = [];
    private readonly Dictionary<long, List<TopicPartition>> _notOwned = [];

    public void Called(RunningCall call)
    {
        if (call.Invoked.Call is not CommitOffsets { Member: { } member } commit)
            return;
        var notOwned = commit.Offsets.Keys.Where(partition => !Owns(commit.Group, partition, member)).ToList();
        if (notOwned.Count > 0)
            _notOwned.Add(call.Invoked.Operation, notOwned);
    }

    public void Answered(RunningCall call, Completed completed)
    {
        if (!_notOwned.Remove(completed.Operation, out var partitions) || completed.Outcome != Outcome.Ok || call.Invoked.Call is not CommitOffsets { Member: { } member } commit)
            return;
        foreach (var partition in partitions)
        {
            if (Owns(commit.Group, partition, member))
                continue;
            var owner = _owners.TryGetValue((commit.Group, partition), out var other) ? $"{other.Member.MemberId} in generation {other.Member.Generation} does" : "nobody does";
            report.Add(Invariant.Ownership,
                $"member {member.MemberId} of group {commit.Group} committed {partition} in generation {member.Generation} without owning it: {owner}", other?.Since ?? -1, call.At);
        }
    }

    public void Observed(Fact fact)
    {
        switch (fact)
        {
            case Assigned assigned:
                Release(assigned.Group, assigned.Member, partition => !assigned.Partitions.Contains(partition));
                foreach (var partition in assigned.Partitions)
                    Give(assigned.Group, partition, assigned.Member);
                break;
            case Revoked revoked:
                Release(revoked.Group, revoked.Member, revoked.Partitions.Contains);
                break;
            case BrokerDied or BrokerClosed:
                foreach (var owner in _owners.Values)
                    owner.IsOfEarlierLife = true;
                break;
        }
    }

    private bool Owns(string group, TopicPartition partition, GroupMembership member) =>
        _owners.TryGetValue((group, partition), out var owner) && owner.Member.MemberId == member.MemberId && member.Generation >= owner.Member.Generation;

    private void Give(string group, TopicPartition partition, GroupMembership member)
    {
        var held = _owners.TryGetValue((group, partition), out var owner);
        if (held && owner!.Member.MemberId == member.MemberId)
        {
            owner.IsOfEarlierLife = false;
            return;
        }
        if (held && owner!.Member.Generation >= member.Generation && !owner.IsOfEarlierLife)
        {
            report.Add(Invariant.Ownership,
                $"{partition} of group {group} was given to member {member.MemberId} in generation {member.Generation} while {owner.Member.MemberId} owns it in generation {owner.Member.Generation}",
                owner.Since);
        }
        _owners[(group, partition)] = new Owner(member, tables.Now);
    }

    private void Release(string group, GroupMembership member, Func<TopicPartition, bool> isReleased)
    {
        foreach (var (key, owner) in _owners)
        {
            if (key.Group == group && owner.Member.MemberId == member.MemberId && isReleased(key.Partition))
                _owners.Remove(key);
        }
    }

    /// <summary>Who owns a partition, in the generation that gave it to it.</summary>
    private sealed class Owner(GroupMembership member, int since)
    {
        public GroupMembership Member => member;

        public int Since => since;

        public bool IsOfEarlierLife { get; set; }
    }
}
