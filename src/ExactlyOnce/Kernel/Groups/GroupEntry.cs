using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;

namespace ExactlyOnce.Kernel.Groups;

/// <summary>
/// One group: how it is run now, and beside it what of that is durable, because a classic rebalance under way must not appear in a snapshot. Owned by
/// <see cref="GroupCoordinatorState"/>, from the first record that names the group to its deletion. Its offsets are in the offset table.
/// </summary>
internal sealed class GroupEntry
{
    private long? _nextDeadlineMs;

    public GroupEntry(string id) => Id = id;

    public string Id { get; }

    public GroupKind Kind { get; private set; }

    /// <summary>The state of a classic group; <see cref="ClassicGroup.None"/> for others.</summary>
    public ClassicGroup Classic { get; private set; } = ClassicGroup.None;

    /// <summary>The last generation that a restart would bring back.</summary>
    public ClassicGroup? DurableClassic { get; private set; }

    /// <summary>Kept when the group becomes classic, until the first classic generation is durable: the epoch must not be forgotten.</summary>
    public ConsumerGroup? Consumer { get; private set; }

    /// <summary>The newest frame that changed the group, −1 as long as no frame knows of it; an answer about the group waits for it.</summary>
    public long Lsn { get; set; } = -1;

    /// <summary>Worked out when asked for: a decision may change every member, and only the last change counts.</summary>
    public long NextDeadlineMs => _nextDeadlineMs ??= Kind switch
    {
        GroupKind.Classic => Classic.NextDeadlineMs,
        GroupKind.Consumer => Consumer!.NextDeadlineMs,
        _ => long.MaxValue,
    };

    public GroupState State => Kind switch
    {
        GroupKind.Classic => Classic.State,
        GroupKind.Consumer => Consumer!.State,
        _ => GroupState.Empty,
    };

    /// <summary>The classic generation or the group epoch: one number that goes on counting when the kind changes.</summary>
    public int Generation => Kind == GroupKind.Classic ? Classic.Generation : Consumer?.Epoch ?? 0;

    public bool HasMembers => Kind switch
    {
        GroupKind.Classic => !Classic.Members.IsEmpty,
        GroupKind.Consumer => Consumer!.Members.Count > 0,
        _ => false,
    };

    /// <summary>Since when the group has had no members; −1 for a group that has some or never had any.</summary>
    public long EmptySinceMs => Kind switch
    {
        GroupKind.Classic when Classic.State == GroupState.Empty => Classic.StateSinceMs,
        GroupKind.Consumer => Consumer!.EmptySinceMs,
        _ => -1,
    };

    /// <summary>How a restart would find it.</summary>
    public GroupKind DurableKind =>
        DurableClassic is not null ? GroupKind.Classic : Consumer is not null ? GroupKind.Consumer : GroupKind.Simple;

    public void Apply(ClassicGroupChanged record)
    {
        Kind = GroupKind.Classic;
        Classic = record.State;
        if (record.IsDurable)
        {
            DurableClassic = record.State;
            Consumer = null;
        }
        _nextDeadlineMs = null;
    }

    public void Apply(ConsumerGroupChanged record)
    {
        if (Kind != GroupKind.Consumer)
            Consumer = new ConsumerGroup();
        Kind = GroupKind.Consumer;
        Classic = ClassicGroup.None;
        DurableClassic = null;
        Consumer!.Apply(record);
        _nextDeadlineMs = null;
    }

    public void Apply(ConsumerMemberChanged record)
    {
        Consumer!.Apply(record);
        _nextDeadlineMs = null;
    }

    public void Apply(ConsumerMemberRemoved record)
    {
        Consumer!.Apply(record);
        _nextDeadlineMs = null;
    }

    public void AssertInvariants()
    {
        if (Kind == GroupKind.Classic)
            Classic.AssertInvariants();
        Consumer?.AssertInvariants();
        if (Kind == GroupKind.Classic && Consumer is { Members.Count: > 0 })
            throw new InvalidOperationException("Group: classic, with members of a consumer group.");
    }
}
