using System.Buffers;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;

namespace ExactlyOnce.Kernel.Groups;

/// <summary>
/// All consumer groups and their offsets. Decide… reads and answers with records, Apply writes them and never refuses; recovery is Apply of the durable
/// ones alone, then one <see cref="DecideRestart"/>. Owned by the engine's group coordinator and touched under the coordination lock only.
/// Exceptions: <see cref="InvalidOperationException"/> for broken code, nothing else.
/// </summary>
internal sealed partial class GroupCoordinatorState
{
    private readonly Dictionary<string, GroupEntry> _groups = new(StringComparer.Ordinal);
    private GroupSettings _settings;

    public GroupCoordinatorState(GroupSettings settings) => _settings = settings;

    public OffsetTable Offsets { get; } = new();

    /// <summary>What decisions go by from now on; nothing that was decided before changes with it.</summary>
    public GroupSettings Settings
    {
        get => _settings;
        set => _settings = value;
    }

    /// <summary>The newest frame applied. "There is no such group" and "nothing is committed" rely on it.</summary>
    public long LastLsn { get; private set; }

    public IReadOnlyCollection<GroupEntry> Groups => _groups.Values;

    public GroupEntry? TryGetGroup(string group) => _groups.GetValueOrDefault(group);

    public GroupState StateOf(string group) => TryGetGroup(group)?.State ?? GroupState.Dead;

    /// <summary>What an answer about the group must wait for.</summary>
    public long LsnOf(string group) => TryGetGroup(group) is { Lsn: >= 0 } entry ? entry.Lsn : LastLsn;

    /// <summary>When <see cref="DecideTimeouts"/> has something to do; <see cref="long.MaxValue"/> for never.</summary>
    public long NextDeadlineMs
    {
        get
        {
            var next = long.MaxValue;
            foreach (var group in _groups.Values)
                next = Math.Min(next, group.NextDeadlineMs);
            return next;
        }
    }

    /// <summary>Whether reconciling would change what the member of a consumer group may read.</summary>
    public bool IsChangePending(string group, string memberId) =>
        TryGetGroup(group) is { Kind: GroupKind.Consumer } entry
        && entry.Consumer!.TryGetMember(memberId) is { } member && entry.Consumer.IsChangePending(member);

    // Apply

    /// <summary>
    /// Applies one record. <paramref name="lsn"/> is that of the frame that carries it; a record that is not durable has none and it is not looked at.
    /// </summary>
    public void Apply(GroupRecord record, long lsn)
    {
        switch (record)
        {
            case OffsetsCommitted committed:
                GetOrAdd(committed.Group);
                Offsets.Apply(committed, lsn);
                break;
            case TransactionOffsetsWritten written:
                GetOrAdd(written.Group);
                Offsets.Apply(written, lsn);
                break;
            case TransactionOffsetsEnded ended:
                ApplyEnd(ended, lsn);
                break;
            case OffsetsDeleted deleted:
                Offsets.Apply(deleted);
                break;
            case TopicOffsetsDropped dropped:
                Offsets.Apply(dropped);
                break;
            case GroupDeleted deleted:
                _groups.Remove(deleted.Group);
                Offsets.Apply(deleted);
                break;
            default:
                ApplyMembership(record);
                break;
        }
        if (record.IsDurable)
            Stamp(record, lsn);
    }

    private void ApplyMembership(GroupRecord record)
    {
        switch (record)
        {
            case ClassicGroupChanged classic:
                GetOrAdd(classic.Group).Apply(classic);
                break;
            case ConsumerGroupChanged consumer:
                GetOrAdd(consumer.Group).Apply(consumer);
                break;
            case ConsumerMemberChanged changed:
                GetOrAdd(changed.Group).Apply(changed);
                break;
            case ConsumerMemberRemoved removed:
                GetOrAdd(removed.Group).Apply(removed);
                break;
            default:
                throw new InvalidOperationException($"Unknown record {record.GetType().Name}.");
        }
    }

    // Every group of the transaction shows the outcome from this frame on, also where the outcome is that nothing is pending any more.
    private void ApplyEnd(TransactionOffsetsEnded record, long lsn)
    {
        if (Offsets.Pending.TryGetValue(record.ProducerId, out var transaction))
        {
            foreach (var group in transaction.Groups.Keys)
                _groups[group].Lsn = lsn;
        }
        Offsets.Apply(record, lsn);
    }

    private void Stamp(GroupRecord record, long lsn)
    {
        LastLsn = lsn;
        if (GroupOf(record) is { } name)
            _groups[name].Lsn = lsn;
        foreach (var affected in AffectedBy(record))
        {
            // A group that no frame knows of stays unknown: a replay would not find it.
            if (affected.Lsn >= 0)
                affected.Lsn = lsn;
        }
    }

    private IReadOnlyCollection<GroupEntry> AffectedBy(GroupRecord record) => record switch
    {
        TopicOffsetsDropped => _groups.Values,
        OffsetsDeleted deleted when TryGetGroup(deleted.Group) is { } group => [group],
        _ => [],
    };

    // The group that the record brings into being if need be.
    private static string? GroupOf(GroupRecord record) => record switch
    {
        OffsetsCommitted committed => committed.Group,
        TransactionOffsetsWritten written => written.Group,
        ClassicGroupChanged classic => classic.Group,
        ConsumerGroupChanged consumer => consumer.Group,
        ConsumerMemberChanged changed => changed.Group,
        ConsumerMemberRemoved removed => removed.Group,
        _ => null,
    };

    private GroupEntry GetOrAdd(string group)
    {
        if (!_groups.TryGetValue(group, out var entry))
            _groups.Add(group, entry = new GroupEntry(group));
        return entry;
    }

    public void WriteSnapshot(IBufferWriter<byte> destination) => GroupSnapshot.Write(this, destination);

    /// <exception cref="InvalidDataException">Not exactly one snapshot of a known version, or one that contradicts itself.</exception>
    public static GroupCoordinatorState ReadSnapshot(ReadOnlySpan<byte> source, GroupSettings settings) => GroupSnapshot.Read(source, settings);

    internal void RestoreGroup(string group) => GetOrAdd(group);

    internal void RestoreLsn(long lsn) => LastLsn = lsn;

    /// <summary>What must hold whenever no decision is half applied.</summary>
    public void AssertInvariants()
    {
        foreach (var group in _groups.Values)
            group.AssertInvariants();
        Offsets.AssertInvariants();
        foreach (var name in Offsets.Groups.Keys)
        {
            if (!_groups.ContainsKey(name))
                throw new InvalidOperationException($"Offsets of a group that does not exist: '{name}'.");
        }
    }
}
