using System.Collections.Immutable;

namespace ExactlyOnce.Kernel.Groups.Classic;

/// <summary>
/// The durable part of a classic group: state u8, generation i32, protocol type, protocol, leader (nullable strings), state since i64, members. A member:
/// id, instance id (nullable), client id, client host, session timeout i32, rebalance timeout i32, protocols (name, metadata), has topics u8,
/// [topics], assignment.
/// </summary>
internal static class ClassicGroupCodec
{
    private const int MemberBytesMin = 4 + 4 + 4 + 4 + 4 + 4 + 4 + 1 + 4;

    public static void Write(ClassicGroup group, GroupWriter writer)
    {
        if (group.State == GroupState.PreparingRebalance)
            throw new InvalidOperationException("A rebalance under way is not durable.");
        writer.Byte((byte)group.State);
        writer.Int32(group.Generation);
        writer.Text(group.ProtocolType);
        writer.Text(group.Protocol);
        writer.Text(group.LeaderId);
        writer.Int64(group.StateSinceMs);
        writer.Int32(group.Members.Length);
        foreach (var member in group.Members)
            WriteMember(member, writer);
    }

    private static void WriteMember(ClassicMember member, GroupWriter writer)
    {
        writer.Text(member.Id);
        writer.Text(member.InstanceId);
        writer.Text(member.ClientId);
        writer.Text(member.ClientHost);
        writer.Int32(member.SessionTimeoutMs);
        writer.Int32(member.RebalanceTimeoutMs);
        writer.Int32(member.Protocols.Length);
        foreach (var protocol in member.Protocols)
        {
            writer.Text(protocol.Name);
            writer.Bytes(protocol.Metadata.Span);
        }
        writer.Bool(member.Topics is not null);
        if (member.Topics is { } topics)
            writer.Topics(topics);
        writer.Bytes(member.Assignment.Span);
    }

    public static ClassicGroup Read(ref GroupReader reader)
    {
        var group = new ClassicGroup
        {
            State = ReadState(ref reader),
            Generation = reader.Int32(),
            ProtocolType = reader.NullableText(),
            Protocol = reader.NullableText(),
            LeaderId = reader.NullableText(),
            StateSinceMs = reader.Int64(),
            Members = ReadMembers(ref reader),
        };
        var isConsistent = group.Generation >= 0 && group.State == GroupState.Empty == group.Members.IsEmpty
            && (group.Members.IsEmpty || group.LeaderId is { } leader && group.TryGetMember(leader) is not null);
        return isConsistent ? group : throw GroupReader.Broken("a classic group that cannot be");
    }

    private static GroupState ReadState(ref GroupReader reader)
    {
        var state = (GroupState)reader.Byte();
        return state is GroupState.Empty or GroupState.CompletingRebalance or GroupState.Stable
            ? state
            : throw GroupReader.Broken("a classic group in no durable state");
    }

    private static ImmutableArray<ClassicMember> ReadMembers(ref GroupReader reader)
    {
        var members = ImmutableArray.CreateBuilder<ClassicMember>(reader.Count(MemberBytesMin));
        for (var i = 0; i < members.Capacity; i++)
            members.Add(ReadMember(ref reader));
        return members.MoveToImmutable();
    }

    private static ClassicMember ReadMember(ref GroupReader reader) => new()
    {
        Id = reader.Text(),
        InstanceId = reader.NullableText(),
        ClientId = reader.Text(),
        ClientHost = reader.Text(),
        SessionTimeoutMs = reader.Int32(),
        RebalanceTimeoutMs = reader.Int32(),
        Protocols = ReadProtocols(ref reader),
        Topics = reader.Bool() ? reader.Topics() : null,
        Assignment = reader.Bytes(),
    };

    private static ImmutableArray<ClassicProtocol> ReadProtocols(ref GroupReader reader)
    {
        var protocols = new ClassicProtocol[reader.Count(8)];
        for (var i = 0; i < protocols.Length; i++)
            protocols[i] = new ClassicProtocol(reader.Text(), reader.Bytes());
        return ImmutableArray.Create(protocols);
    }
}
