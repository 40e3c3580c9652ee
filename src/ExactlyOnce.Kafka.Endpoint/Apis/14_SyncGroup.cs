using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class SyncGroupRequest : IMessage
{
    public string GroupId = "";
    public int GenerationId;
    public string MemberId = "";
    public string? GroupInstanceId;
    public string? ProtocolType;
    public string? ProtocolName;
    public Share[] Assignments = [];

    public void Fields(Wire wire)
    {
        wire.String(ref GroupId);
        wire.Int32(ref GenerationId);
        wire.String(ref MemberId);
        wire.NullableString(ref GroupInstanceId, from: 3);
        wire.NullableString(ref ProtocolType, from: 5);
        wire.NullableString(ref ProtocolName, from: 5);
        wire.Array(ref Assignments);
    }

    internal sealed class Share : IMessage
    {
        public string MemberId = "";
        public byte[] Assignment = [];

        public void Fields(Wire wire)
        {
            wire.String(ref MemberId);
            wire.Bytes(ref Assignment);
        }
    }
}

internal sealed class SyncGroupResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public string? ProtocolType;
    public string? ProtocolName;
    public byte[] Assignment = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 1);
        wire.Error(ref ErrorCode);
        wire.NullableString(ref ProtocolType, from: 5);
        wire.NullableString(ref ProtocolName, from: 5);
        wire.Bytes(ref Assignment);
    }
}

/// <summary>Hands out what the leader of a classic group assigned, and waits for it.</summary>
internal sealed class SyncGroupApi() : Api<SyncGroupRequest, SyncGroupResponse>(14, "SyncGroup", 0, 5, flexibleFrom: 4)
{
    protected override async ValueTask<SyncGroupResponse?> HandleAsync(SyncGroupRequest request, Call call)
    {
        if (!call.AllowsGroup(AclOperation.Read, request.GroupId))
            return new SyncGroupResponse { ErrorCode = KafkaError.GroupAuthorizationFailed };
        var answer = await call.Wire.SyncGroupAsync(
            new SyncGroupCall
            {
                Group = request.GroupId,
                MemberId = request.MemberId,
                InstanceId = request.GroupInstanceId,
                Generation = request.GenerationId,
                ProtocolType = request.ProtocolType,
                Protocol = request.ProtocolName,
                Assignments = Array.ConvertAll(request.Assignments, share => new MemberShare(share.MemberId, share.Assignment)),
            },
            call.Cancelled).ConfigureAwait(false);
        return new SyncGroupResponse
        {
            ErrorCode = answer.Error.ToKafka(),
            ProtocolType = answer.ProtocolType,
            ProtocolName = answer.Protocol,
            Assignment = answer.Assignment.ToArray(),
        };
    }
}
