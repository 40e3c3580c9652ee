using System.Buffers;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kernel.Groups;

/// <summary>
/// The durable part of all group state in one piece: what a replay of the durable records so far would build. In order, so that equal states have equal
/// bytes; primitives as in <see cref="GroupWriter"/>.
/// <code>
/// snapshot  version u16 (1), last LSN i64, last write order i64, groups, pending
/// group     id, LSN i64, kind u8, [classic group | epoch i32, assignor, has in-process members u8, empty since i64, network members], committed
/// committed topic i32, index i32, stored
/// pending   producer id i64, group, topic i32, index i32, stored
/// stored    offset i64, leader epoch i32, metadata, time i64, write order i64, LSN i64
/// </code>
/// </summary>
internal static class GroupSnapshot
{
    private const short Version = 1;
    private const int StoredBytesMin = 8 + 4 + 4 + 8 + 8 + 8;

    public static void Write(GroupCoordinatorState state, IBufferWriter<byte> destination)
    {
        var writer = new GroupWriter(destination);
        writer.Int16(Version);
        writer.Int64(state.LastLsn);
        writer.Int64(state.Offsets.LastWriteOrder);
        WriteGroups(state, writer);
        WritePending(state.Offsets, writer);
    }

    private static void WriteGroups(GroupCoordinatorState state, GroupWriter writer)
    {
        var groups = new List<GroupEntry>();
        foreach (var group in state.Groups)
        {
            if (group.Lsn >= 0)
                groups.Add(group);
        }
        groups.Sort(static (a, b) => string.CompareOrdinal(a.Id, b.Id));
        writer.Int32(groups.Count);
        foreach (var group in groups)
        {
            writer.Text(group.Id);
            writer.Int64(group.Lsn);
            WriteMembership(group, writer);
            WriteCommitted(state.Offsets.TryGet(group.Id), writer);
        }
    }

    private static void WriteMembership(GroupEntry group, GroupWriter writer)
    {
        writer.Byte((byte)group.DurableKind);
        if (group.DurableClassic is { } classic)
            ClassicGroupCodec.Write(classic, writer);
        else if (group.Consumer is { } consumer)
            WriteConsumer(consumer, writer);
    }

    private static void WriteConsumer(ConsumerGroup group, GroupWriter writer)
    {
        writer.Int32(group.Epoch);
        writer.Text(group.Assignor);
        writer.Bool(group.HasInProcessMembers);
        writer.Int64(group.EmptySinceMs);
        var members = new List<ConsumerMember>();
        foreach (var member in group.Members.Values)
        {
            if (member.Origin == MemberOrigin.Network)
                members.Add(member);
        }
        members.Sort(static (a, b) => string.CompareOrdinal(a.Id, b.Id));
        writer.Int32(members.Count);
        foreach (var member in members)
            ConsumerMemberCodec.Write(member, writer);
    }

    private static void WriteCommitted(GroupOffsets? offsets, GroupWriter writer)
    {
        writer.Int32(offsets?.Committed.Count ?? 0);
        if (offsets is null)
            return;
        foreach (var partition in new SortedSet<PartitionKey>(offsets.Committed.Keys))
        {
            writer.Partition(partition);
            WriteStored(offsets.Committed[partition], writer);
        }
    }

    private static void WritePending(OffsetTable offsets, GroupWriter writer)
    {
        var count = 0;
        foreach (var transaction in offsets.Pending.Values)
            count += transaction.Count;
        writer.Int32(count);
        foreach (var producerId in new SortedSet<long>(offsets.Pending.Keys))
        {
            var transaction = offsets.Pending[producerId];
            foreach (var group in new SortedSet<string>(transaction.Groups.Keys, StringComparer.Ordinal))
                WritePending(producerId, group, transaction.Groups[group], writer);
        }
    }

    private static void WritePending(long producerId, string group, Dictionary<PartitionKey, StoredOffset> offsets, GroupWriter writer)
    {
        foreach (var partition in new SortedSet<PartitionKey>(offsets.Keys))
        {
            writer.Int64(producerId);
            writer.Text(group);
            writer.Partition(partition);
            WriteStored(offsets[partition], writer);
        }
    }

    private static void WriteStored(StoredOffset stored, GroupWriter writer)
    {
        writer.Int64(stored.Offset);
        writer.Int32(stored.LeaderEpoch);
        writer.Text(stored.Metadata);
        writer.Int64(stored.CommitMs);
        writer.Int64(stored.WriteOrder);
        writer.Int64(stored.Lsn);
    }

    /// <exception cref="InvalidDataException">Not exactly one snapshot of a known version.</exception>
    public static GroupCoordinatorState Read(ReadOnlySpan<byte> source, GroupSettings settings)
    {
        var reader = new GroupReader(source);
        if (reader.Int16() != Version)
            throw GroupReader.Broken("a snapshot of an unknown version");
        var state = new GroupCoordinatorState(settings);
        var lastLsn = reader.Int64();
        state.Offsets.LastWriteOrder = reader.Int64();
        for (var count = reader.Count(4 + 8 + 1 + 4); count > 0; count--)
            ReadGroup(state, ref reader);
        for (var count = reader.Count(8 + 4 + 8 + StoredBytesMin); count > 0; count--)
            ReadPending(state, ref reader);
        reader.End();
        state.RestoreLsn(lastLsn);
        Check(state);
        return state;
    }

    private static void ReadGroup(GroupCoordinatorState state, ref GroupReader reader)
    {
        var id = reader.Text();
        if (state.TryGetGroup(id) is not null)
            throw GroupReader.Broken("a group twice");
        var lsn = reader.Int64();
        if (lsn < 0)
            throw GroupReader.Broken("a group that no durable record made");
        state.RestoreGroup(id);
        ReadMembership(state, id, ref reader);
        state.TryGetGroup(id)!.Lsn = lsn;
        for (var count = reader.Count(8 + StoredBytesMin); count > 0; count--)
            state.Offsets.RestoreCommitted(id, reader.Partition(), ReadStored(ref reader));
    }

    private static void ReadMembership(GroupCoordinatorState state, string id, ref GroupReader reader)
    {
        switch ((GroupKind)reader.Byte())
        {
            case GroupKind.Simple:
                break;
            case GroupKind.Classic:
                state.Apply(new ClassicGroupChanged(id, ClassicGroupCodec.Read(ref reader), IsGeneration: true), 0);
                break;
            case GroupKind.Consumer:
                state.Apply(new ConsumerGroupChanged(id, reader.Int32(), reader.Text(), reader.Bool(), reader.Int64()), 0);
                for (var count = reader.Count(8 * 4); count > 0; count--)
                    ReadMember(state, id, ConsumerMemberCodec.Read(ref reader));
                break;
            default:
                throw GroupReader.Broken("a group of an unknown kind");
        }
    }

    private static void ReadMember(GroupCoordinatorState state, string id, ConsumerMember member)
    {
        var group = state.TryGetGroup(id)!.Consumer!;
        var isTaken = group.TryGetMember(member.Id) is not null;
        foreach (var owned in member.Owned)
            isTaken |= group.TryGetOwner(owned.Partition, out _);
        foreach (var revoking in member.Revoking)
            isTaken |= group.TryGetOwner(revoking.Partition, out _) || OwnedPartition.Contains(member.Owned, revoking.Partition);
        if (isTaken)
            throw GroupReader.Broken("a partition or a member twice");
        state.Apply(new ConsumerMemberChanged(id, member, ChangesMembership: true), 0);
    }

    private static void ReadPending(GroupCoordinatorState state, ref GroupReader reader)
    {
        var producerId = reader.Int64();
        var group = reader.Text();
        if (state.TryGetGroup(group) is null)
            throw GroupReader.Broken("pending offsets of an unknown group");
        state.Offsets.RestorePending(producerId, group, reader.Partition(), ReadStored(ref reader));
    }

    private static StoredOffset ReadStored(ref GroupReader reader) =>
        new(reader.Int64(), reader.Int32(), reader.Text(), reader.Int64(), reader.Int64(), reader.Int64());

    private static void Check(GroupCoordinatorState state)
    {
        try
        {
            state.AssertInvariants();
        }
        catch (InvalidOperationException broken)
        {
            throw new InvalidDataException("Group state contradicts itself. " + broken.Message, broken);
        }
    }
}
