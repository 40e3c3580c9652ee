using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class LeaveGroupRequest : IMessage
{
    public string GroupId = "";
    public string MemberId = "";
    public Member[] Members = [];

    public void Fields(Wire wire)
    {
        wire.String(ref GroupId);
        wire.String(ref MemberId, to: 2);
        wire.Array(ref Members, from: 3);
    }

    internal sealed class Member : IMessage
    {
        public string MemberId = "";
        public string? GroupInstanceId;
        public string? Reason;

        public void Fields(Wire wire)
        {
            wire.String(ref MemberId);
            wire.NullableString(ref GroupInstanceId);
            wire.NullableString(ref Reason, from: 5);
        }
    }
}

internal sealed class LeaveGroupResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public Member[] Members = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 1);
        wire.Error(ref ErrorCode);
        wire.Array(ref Members, from: 3);
    }

    internal sealed class Member : IMessage
    {
        public string MemberId = "";
        public string? GroupInstanceId;
        public KafkaError ErrorCode;

        public void Fields(Wire wire)
        {
            wire.String(ref MemberId);
            wire.NullableString(ref GroupInstanceId);
            wire.Error(ref ErrorCode);
        }
    }
}

/// <summary>Members leave a classic group.</summary>
internal sealed class LeaveGroupApi() : Api<LeaveGroupRequest, LeaveGroupResponse>(13, "LeaveGroup", 0, 5, flexibleFrom: 4)
{
    private const int FirstOfSeveralMembers = 3;

    protected override async ValueTask<LeaveGroupResponse?> HandleAsync(LeaveGroupRequest request, Call call)
    {
        if (!call.AllowsGroup(AclOperation.Read, request.GroupId))
            return new LeaveGroupResponse { ErrorCode = KafkaError.GroupAuthorizationFailed };
        LeavingMember[] members = call.Version < FirstOfSeveralMembers
            ? [new LeavingMember(request.MemberId, null)]
            : Array.ConvertAll(request.Members, member => new LeavingMember(member.MemberId, member.GroupInstanceId));
        var errors = await call.Wire.LeaveGroupAsync(request.GroupId, members).ConfigureAwait(false);
        if (call.Version < FirstOfSeveralMembers)
            return new LeaveGroupResponse { ErrorCode = errors[0].ToKafka() };
        return new LeaveGroupResponse
        {
            Members = [.. members.Select((member, i) => new LeaveGroupResponse.Member
            {
                MemberId = member.MemberId,
                GroupInstanceId = member.InstanceId,
                ErrorCode = errors[i].ToKafka(),
            })],
        };
    }
}
