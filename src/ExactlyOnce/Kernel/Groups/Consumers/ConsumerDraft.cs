using System.Collections.Immutable;
using ExactlyOnce.Kernel.Groups.Assignment;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups.Consumers;

/// <summary>
/// The next state of a consumer group while one decision works it out: members are put and removed, the target is computed anew, one member reconciles;
/// it ends as records. Lives for one call; the group itself is only read.
/// </summary>
internal sealed class ConsumerDraft
{
    private readonly string _groupId;
    private readonly ConsumerGroup _group;
    private readonly long _nowMs;
    private readonly Dictionary<string, ConsumerMember> _changed = new(StringComparer.Ordinal);
    private readonly List<ConsumerMember> _removed = [];
    private readonly List<FencedMember> _fenced = [];
    private ConsumerGroupChanged? _epochChange;

    public ConsumerDraft(string groupId, ConsumerGroup group, long nowMs)
    {
        _groupId = groupId;
        _group = group;
        _nowMs = nowMs;
    }

    private int Epoch => _epochChange?.Epoch ?? _group.Epoch;

    public GroupDecision Decide() => new() { Records = Records(), Fenced = _fenced };

    public ConsumerDecision Decide(string memberId)
    {
        var member = Get(memberId);
        var partitions = ImmutableArray.CreateBuilder<PartitionKey>(member.Owned.Length);
        foreach (var owned in member.Owned)
            partitions.Add(owned.Partition);
        var isPending = member.Epoch != Epoch || member.MustGiveUp || member.Owned.Length != member.Target.Length;
        return new ConsumerDecision
        {
            Records = Records(),
            Fenced = _fenced,
            Assignment = new ConsumerAssignment(member.Epoch, partitions.MoveToImmutable(), isPending),
        };
    }

    public ConsumerMember Get(string memberId) =>
        _changed.TryGetValue(memberId, out var member) ? member : _group.Members[memberId];

    public void Put(ConsumerMember member) => _changed[member.Id] = member;

    public void Remove(ConsumerMember member, FenceReason? reason)
    {
        _changed.Remove(member.Id);
        _removed.Add(member);
        if (reason is { } why)
            _fenced.Add(new FencedMember(_groupId, member.Id, why));
    }

    /// <summary>Moves the group to its next epoch with a new target for everybody.</summary>
    public void Retarget(IPartitionCounts counts)
    {
        var members = Members();
        var hasInProcess = members.Exists(static member => member.Origin == MemberOrigin.InProcess);
        var assignor = Elect(members);
        _epochChange = new ConsumerGroupChanged(
            _groupId, checked(_group.Epoch + 1), assignor, hasInProcess, members.Count == 0 ? _nowMs : -1);
        var inputs = new AssignmentMember[members.Count];
        for (var i = 0; i < inputs.Length; i++)
            inputs[i] = new AssignmentMember(members[i].AssignmentKey, members[i].Topics, members[i].Target);
        var targets = Assignors.Assign(assignor, inputs, counts);
        for (var i = 0; i < targets.Length; i++)
            SetTarget(members[i], targets[i]);
    }

    private void SetTarget(ConsumerMember member, ImmutableArray<PartitionKey> target)
    {
        if (target.AsSpan().SequenceEqual(member.Target.AsSpan()))
            return;
        var aimed = member with { Target = target };
        Put(aimed with { RevocationDeadlineMs = RevocationDeadline(aimed) });
    }

    // Runs from the moment a partition was meant for somebody else, not from the moment the member hears of it: a member that never asks must not hold it for
    // ever.
    private long RevocationDeadline(ConsumerMember member)
    {
        if (!member.MustGiveUp)
            return long.MaxValue;
        return member.RevocationDeadlineMs != long.MaxValue ? member.RevocationDeadlineMs : _nowMs + member.RebalanceTimeoutMs;
    }

    /// <summary>
    /// One step of a member towards its target: first it gives up what is not meant for it; when nothing of that is left in its hands it moves to the
    /// group's epoch and takes what nobody else holds. <paramref name="held"/> is what it says it still reads; null: everything it was given.
    /// </summary>
    public void Reconcile(ConsumerMember member, HashSet<PartitionKey>? held)
    {
        var kept = ImmutableArray.CreateBuilder<OwnedPartition>();
        var revoking = ImmutableArray.CreateBuilder<OwnedPartition>();
        foreach (var owned in member.Owned)
        {
            if (member.IsTarget(owned.Partition))
                kept.Add(owned);
            else if (held is null || held.Contains(owned.Partition))
                revoking.Add(owned);
        }
        foreach (var told in member.Revoking)
        {
            if (held is null || held.Contains(told.Partition))
                revoking.Add(told);
        }
        revoking.Sort(static (a, b) => a.Partition.CompareTo(b.Partition));
        var isReleased = revoking.Count == 0;
        var next = member with { Revoking = Unless(member.Revoking, revoking) };
        next = isReleased ? Advance(next, kept) : next with { Owned = Unless(member.Owned, kept) };
        next = next with { RevocationDeadlineMs = RevocationDeadline(next) };
        if (next != member)
            Put(next);
    }

    private ConsumerMember Advance(ConsumerMember member, ImmutableArray<OwnedPartition>.Builder kept)
    {
        foreach (var partition in member.Target)
        {
            if (!OwnedPartition.Contains(member.Owned, partition) && IsFree(partition, member.Id))
                kept.Add(new OwnedPartition(partition, Epoch));
        }
        kept.Sort(static (a, b) => a.Partition.CompareTo(b.Partition));
        var next = member with { Owned = Unless(member.Owned, kept) };
        return next.Epoch == Epoch ? next : next with { PreviousEpoch = next.Epoch, Epoch = Epoch };
    }

    private bool IsFree(PartitionKey partition, string memberId)
    {
        if (!_group.TryGetOwner(partition, out var owner) || owner.MemberId == memberId)
            return true;
        // Removed by this very decision: its partitions are free at once, because it can no longer commit.
        return _removed.Exists(member => member.Id == owner.MemberId);
    }

    // Keeps the old array when nothing changed, so that an unchanged member is recognised as such.
    private static ImmutableArray<OwnedPartition> Unless(ImmutableArray<OwnedPartition> before, ImmutableArray<OwnedPartition>.Builder after) =>
        before.SequenceEqual(after) ? before : after.ToImmutable();

    private GroupRecord[] Records()
    {
        var records = new List<GroupRecord>();
        if (_epochChange is not null)
            records.Add(_epochChange);
        // Removals first: what they free is taken by the changes.
        foreach (var member in _removed)
            records.Add(new ConsumerMemberRemoved(_groupId, member.Id, member.Origin));
        foreach (var member in _changed.Values)
        {
            var before = _group.TryGetMember(member.Id);
            if (before is null || before != member)
                records.Add(new ConsumerMemberChanged(_groupId, member, before is null || !member.IsDurablyEqual(before)));
        }
        return [.. records];
    }

    // Ordered by key: the order of a dictionary is not the same after a restart, and a target must not depend on it.
    private List<ConsumerMember> Members()
    {
        var members = new List<ConsumerMember>();
        foreach (var member in _group.Members.Values)
        {
            if (!_removed.Exists(removed => removed.Id == member.Id))
                members.Add(Get(member.Id));
        }
        foreach (var member in _changed.Values)
        {
            if (!_group.Members.ContainsKey(member.Id))
                members.Add(member);
        }
        members.Sort(static (a, b) => string.CompareOrdinal(a.AssignmentKey, b.AssignmentKey));
        return members;
    }

    // The assignor most members ask for; of equals the first in the alphabet.
    private string Elect(List<ConsumerMember> members)
    {
        var votes = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var member in members)
            votes[member.Assignor] = votes.GetValueOrDefault(member.Assignor) + 1;
        var (elected, most) = (_group.Assignor, 0);
        foreach (var (assignor, count) in votes)
        {
            if (count > most)
                (elected, most) = (assignor, count);
        }
        return elected;
    }
}
