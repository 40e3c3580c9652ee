using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DescribeGroupsRequest : IMessage
{
    public string[] Groups = [];
    public bool IncludeAuthorizedOperations;

    public void Fields(Wire wire)
    {
        wire.Strings(ref Groups);
        wire.Bool(ref IncludeAuthorizedOperations, from: 3);
    }
}

internal sealed class DescribeGroupsResponse : IMessage
{
    public int ThrottleTimeMs;
    public Group[] Groups = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 1);
        wire.Array(ref Groups);
    }

    internal sealed class Group : IMessage
    {
        public KafkaError ErrorCode;
        public string? ErrorMessage;
        public string GroupId = "";
        public string GroupState = "";
        public string ProtocolType = "";
        public string ProtocolData = "";
        public Member[] Members = [];
        public int AuthorizedOperations = Serving.AuthorizedOperations.NotAsked;

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.NullableString(ref ErrorMessage, from: 6);
            wire.String(ref GroupId);
            wire.String(ref GroupState);
            wire.String(ref ProtocolType);
            wire.String(ref ProtocolData);
            wire.Array(ref Members);
            wire.Int32(ref AuthorizedOperations, from: 3);
        }
    }

    internal sealed class Member : IMessage
    {
        public string MemberId = "";
        public string? GroupInstanceId;
        public string ClientId = "";
        public string ClientHost = "";
        public byte[] MemberMetadata = [];
        public byte[] MemberAssignment = [];

        public void Fields(Wire wire)
        {
            wire.String(ref MemberId);
            wire.NullableString(ref GroupInstanceId, from: 4);
            wire.String(ref ClientId);
            wire.String(ref ClientHost);
            wire.Bytes(ref MemberMetadata);
            wire.Bytes(ref MemberAssignment);
        }
    }
}

/// <summary>Shows classic groups. Before version 6 one that is not there is dead and no error.</summary>
internal sealed class DescribeGroupsApi() : Api<DescribeGroupsRequest, DescribeGroupsResponse>(15, "DescribeGroups", 0, 6, flexibleFrom: 5)
{
    private const int FirstThatMisses = 6;

    protected override async ValueTask<DescribeGroupsResponse?> HandleAsync(DescribeGroupsRequest request, Call call)
    {
        var asked = request.Groups.Distinct().ToArray();
        var allowed = Array.FindAll(asked, group => call.AllowsGroup(AclOperation.Describe, group));
        var groups = await call.Wire.DescribeGroupsAsync(allowed).ConfigureAwait(false);
        return new DescribeGroupsResponse
        {
            Groups = [.. groups.Select(group => new DescribeGroupsResponse.Group
            {
                ErrorCode = call.Version < FirstThatMisses ? KafkaError.None : group.Error.ToKafka(),
                ErrorMessage = group.Error == ErrorCode.None ? null : $"There is no classic group '{group.Group}'.",
                GroupId = group.Group,
                GroupState = group.State,
                ProtocolType = group.ProtocolType,
                ProtocolData = group.Protocol,
                Members = [.. group.Members.Select(ToMember)],
                AuthorizedOperations = AuthorizedOperations.OfGroup(call, group.Group, request.IncludeAuthorizedOperations),
            }), .. asked.Except(allowed).Select(Refused)],
        };
    }

    private static DescribeGroupsResponse.Group Refused(string group) => new() { GroupId = group, ErrorCode = KafkaError.GroupAuthorizationFailed };

    private static DescribeGroupsResponse.Member ToMember(ClassicMemberDescription member) => new()
    {
        MemberId = member.MemberId,
        GroupInstanceId = member.InstanceId,
        ClientId = member.ClientId,
        ClientHost = member.ClientHost,
        MemberMetadata = member.Metadata.ToArray(),
        MemberAssignment = member.Assignment.ToArray(),
    };
}
