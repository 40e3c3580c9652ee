using System.Buffers;
using System.Collections.Immutable;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Offsets;

namespace ExactlyOnce.Kernel.Groups;

/// <summary>
/// Kafka's bytes of <c>__consumer_offsets</c>, for the internal topic that its tools read. Strings are i16 length and UTF-8 (−1 null), bytes i32 length.
/// A null value deletes its key. Names come from the caller: the kernel knows topics by number.
/// <code>
/// offset key      version i16 (1), group, topic, partition i32
/// offset value    version i16 (3), offset i64, leader epoch i32, metadata, commit time i64
/// group key       version i16 (2), group
/// group value     version i16 (3), protocol type, generation i32, protocol (nullable), leader (nullable), state since i64, members
/// member          id, instance id (nullable), client id, client host, rebalance timeout i32, session timeout i32, subscription, assignment
/// </code>
/// </summary>
internal static class GroupLogFormat
{
    private const short OffsetKeyVersion = 1;
    private const short OffsetValueVersion = 3;
    private const short GroupKeyVersion = 2;
    private const short GroupValueVersion = 3;

    public static void WriteOffsetKey(string group, string topic, int index, IBufferWriter<byte> destination)
    {
        var writer = new GroupWriter(destination);
        writer.Int16(OffsetKeyVersion);
        writer.ShortText(group);
        writer.ShortText(topic);
        writer.Int32(index);
    }

    public static void WriteOffsetValue(in OffsetValue value, long commitMs, IBufferWriter<byte> destination)
    {
        var writer = new GroupWriter(destination);
        writer.Int16(OffsetValueVersion);
        writer.Int64(value.Offset);
        writer.Int32(value.LeaderEpoch);
        writer.ShortText(value.Metadata);
        writer.Int64(commitMs);
    }

    public static void WriteGroupKey(string group, IBufferWriter<byte> destination)
    {
        var writer = new GroupWriter(destination);
        writer.Int16(GroupKeyVersion);
        writer.ShortText(group);
    }

    /// <summary>A classic group's generation. Other kinds have no such value.</summary>
    public static void WriteGroupValue(ClassicGroup group, IBufferWriter<byte> destination)
    {
        var writer = new GroupWriter(destination);
        writer.Int16(GroupValueVersion);
        writer.ShortText(group.ProtocolType ?? "");
        writer.Int32(group.Generation);
        writer.ShortText(group.Protocol);
        writer.ShortText(group.LeaderId);
        writer.Int64(group.StateSinceMs);
        writer.Int32(group.Members.Length);
        foreach (var member in group.Members)
            WriteMember(member, group.Protocol, writer);
    }

    private static void WriteMember(ClassicMember member, string? protocol, GroupWriter writer)
    {
        writer.ShortText(member.Id);
        writer.ShortText(member.InstanceId);
        writer.ShortText(member.ClientId);
        writer.ShortText(member.ClientHost);
        writer.Int32(member.RebalanceTimeoutMs);
        writer.Int32(member.SessionTimeoutMs);
        writer.Bytes(member.MetadataOf(protocol).Span);
        writer.Bytes(member.Assignment.Span);
    }

    /// <summary>Reads either key; the topic is null in a group's.</summary>
    /// <exception cref="InvalidDataException">Not a key of this format.</exception>
    public static GroupLogKey ReadKey(ReadOnlySpan<byte> key)
    {
        var reader = new GroupReader(key);
        var read = reader.Int16() switch
        {
            OffsetKeyVersion => new GroupLogKey(reader.ShortText(), reader.ShortText(), reader.Int32()),
            GroupKeyVersion => new GroupLogKey(reader.ShortText(), null, -1),
            _ => throw GroupReader.Broken("a log key of an unknown version"),
        };
        reader.End();
        return read;
    }

    /// <exception cref="InvalidDataException">Not an offset value of this format.</exception>
    public static GroupLogOffset ReadOffsetValue(ReadOnlySpan<byte> value)
    {
        var reader = new GroupReader(value);
        Expect(reader.Int16(), OffsetValueVersion);
        var read = new GroupLogOffset(reader.Int64(), reader.Int32(), reader.ShortText(), reader.Int64());
        reader.End();
        return read;
    }

    /// <summary>Reads a group's value back; of each member's protocols only the chosen one is in it.</summary>
    /// <exception cref="InvalidDataException">Not a group value of this format.</exception>
    public static ClassicGroup ReadGroupValue(ReadOnlySpan<byte> value)
    {
        var reader = new GroupReader(value);
        Expect(reader.Int16(), GroupValueVersion);
        var group = new ClassicGroup
        {
            ProtocolType = reader.ShortText(),
            Generation = reader.Int32(),
            Protocol = reader.NullableShortText(),
            LeaderId = reader.NullableShortText(),
            StateSinceMs = reader.Int64(),
        };
        var members = ImmutableArray.CreateBuilder<ClassicMember>();
        for (var count = reader.Count(4 * 2 + 4 * 4); count > 0; count--)
            members.Add(ReadMember(group.Protocol, ref reader));
        reader.End();
        return group with { Members = members.ToImmutable(), State = members.Count == 0 ? GroupState.Empty : GroupState.Stable };
    }

    private static ClassicMember ReadMember(string? protocol, ref GroupReader reader) => new()
    {
        Id = reader.ShortText(),
        InstanceId = reader.NullableShortText(),
        ClientId = reader.ShortText(),
        ClientHost = reader.ShortText(),
        RebalanceTimeoutMs = reader.Int32(),
        SessionTimeoutMs = reader.Int32(),
        Protocols = [new ClassicProtocol(protocol ?? "", reader.Bytes())],
        Assignment = reader.Bytes(),
    };

    private static void Expect(short version, short expected)
    {
        if (version != expected)
            throw GroupReader.Broken("a log value of an unknown version");
    }
}

/// <summary>A key of the group log: an offset's when it names a topic, else a group's.</summary>
internal readonly record struct GroupLogKey(string Group, string? Topic, int Index);

/// <summary>An offset as the group log holds it.</summary>
internal readonly record struct GroupLogOffset(long Offset, int LeaderEpoch, string Metadata, long CommitMs);
