using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;

namespace ExactlyOnce.Engine.Coordination;

/// <summary>What a membership record takes in a frame, at most: members bring texts and bytes of any size.</summary>
internal static class GroupRecordSize
{
    private const int Header = 64;
    private const int BytesPerChar = 3;

    public static long AtMost(GroupRecord record) => record switch
    {
        ClassicGroupChanged classic => Header + Text(classic.Group) + Classic(classic.State),
        ConsumerMemberChanged member => Header + Text(member.Group) + Consumer(member.Member),
        ConsumerMemberRemoved removed => Header + Text(removed.Group) + Text(removed.MemberId),
        ConsumerGroupChanged changed => Header + Text(changed.Group),
        _ => Header,
    };

    private static long Classic(ClassicGroup group)
    {
        var bytes = Header + Text(group.ProtocolType) + Text(group.Protocol) + Text(group.LeaderId);
        foreach (var member in group.Members)
        {
            bytes += Header + Text(member.Id) + Text(member.InstanceId) + Text(member.ClientId) + Text(member.ClientHost) + member.Assignment.Length;
            bytes += sizeof(int) * (member.Topics?.Length ?? 0);
            foreach (var protocol in member.Protocols)
                bytes += 8 + Text(protocol.Name) + protocol.Metadata.Length;
        }
        return bytes;
    }

    private static long Consumer(ConsumerMember member) =>
        Header + Text(member.Id) + Text(member.InstanceId) + Text(member.ClientId) + Text(member.ClientHost) + Text(member.Assignor) +
        (sizeof(int) * (long)member.Topics.Length) + (8L * member.Target.Length) + (12L * (member.Owned.Length + member.Revoking.Length));

    private static long Text(string? text) => BytesPerChar * (text?.Length ?? 0);
}
