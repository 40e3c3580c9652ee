using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class JoinGroupRequest : IMessage
{
    public string GroupId = "";
    public int SessionTimeoutMs;
    public int RebalanceTimeoutMs = -1;
    public string MemberId = "";
    public string? GroupInstanceId;
    public string ProtocolType = "";
    public Protocol[] Protocols = [];
    public string? Reason;

    public void Fields(Wire wire)
    {
        wire.String(ref GroupId);
        wire.Int32(ref SessionTimeoutMs);
        wire.Int32(ref RebalanceTimeoutMs, from: 1);
        wire.String(ref MemberId);
        wire.NullableString(ref GroupInstanceId, from: 5);
        wire.String(ref ProtocolType);
        wire.Array(ref Protocols);
        wire.NullableString(ref Reason, from: 8);
    }

    internal sealed class Protocol : IMessage
    {
        public string Name = "";
        public byte[] Metadata = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Bytes(ref Metadata);
        }
    }
}

internal sealed class JoinGroupResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public int GenerationId = -1;
    public string? ProtocolType;
    public string? ProtocolName;
    public string Leader = "";
    public bool SkipAssignment;
    public string MemberId = "";
    public Member[] Members = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 2);
        wire.Error(ref ErrorCode);
        wire.Int32(ref GenerationId);
        wire.NullableString(ref ProtocolType, from: 7);
        wire.NullableString(ref ProtocolName, nullableFrom: 7);
        wire.String(ref Leader);
        wire.Bool(ref SkipAssignment, from: 9);
        wire.String(ref MemberId);
        wire.Array(ref Members);
    }

    internal sealed class Member : IMessage
    {
        public string MemberId = "";
        public string? GroupInstanceId;
        public byte[] Metadata = [];

        public void Fields(Wire wire)
        {
            wire.String(ref MemberId);
            wire.NullableString(ref GroupInstanceId, from: 5);
            wire.Bytes(ref Metadata);
        }
    }
}

/// <summary>Joins a classic group, and waits until the group is ready.</summary>
internal sealed class JoinGroupApi() : Api<JoinGroupRequest, JoinGroupResponse>(11, "JoinGroup", 0, 9, flexibleFrom: 6)
{
    private const int FirstInTwoSteps = 4;
    private const int FirstThatSkips = 9;

    protected override async ValueTask<JoinGroupResponse?> HandleAsync(JoinGroupRequest request, Call call)
    {
        if (!call.AllowsGroup(AclOperation.Read, request.GroupId))
            return new JoinGroupResponse { ErrorCode = KafkaError.GroupAuthorizationFailed, MemberId = request.MemberId };
        var answer = await call.Wire.JoinGroupAsync(
            new JoinGroupCall
            {
                Group = request.GroupId,
                MemberId = request.MemberId,
                InstanceId = request.GroupInstanceId,
                ClientId = call.ClientId ?? "",
                ClientHost = call.ClientHost,
                SessionTimeoutMs = request.SessionTimeoutMs,
                RebalanceTimeoutMs = request.RebalanceTimeoutMs,
                ProtocolType = request.ProtocolType,
                Protocols = Array.ConvertAll(request.Protocols, protocol => new GroupProtocol(protocol.Name, protocol.Metadata)),
                RequiresKnownMemberId = call.Version >= FirstInTwoSteps,
                SupportsSkippingAssignment = call.Version >= FirstThatSkips,
            },
            call.Cancelled).ConfigureAwait(false);
        return new JoinGroupResponse
        {
            ErrorCode = answer.Error.ToKafka(),
            GenerationId = answer.Generation,
            ProtocolType = answer.ProtocolType,
            ProtocolName = answer.Protocol,
            Leader = answer.LeaderId,
            SkipAssignment = answer.SkipAssignment,
            MemberId = answer.MemberId,
            Members = [.. answer.Members.Select(member => new JoinGroupResponse.Member
            {
                MemberId = member.MemberId,
                GroupInstanceId = member.InstanceId,
                Metadata = member.Metadata.ToArray(),
            })],
        };
    }
}
