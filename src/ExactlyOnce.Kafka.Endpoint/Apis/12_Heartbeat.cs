using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class HeartbeatRequest : IMessage
{
    public string GroupId = "";
    public int GenerationId;
    public string MemberId = "";
    public string? GroupInstanceId;

    public void Fields(Wire wire)
    {
        wire.String(ref GroupId);
        wire.Int32(ref GenerationId);
        wire.String(ref MemberId);
        wire.NullableString(ref GroupInstanceId, from: 3);
    }
}

internal sealed class HeartbeatResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs, from: 1);
        wire.Error(ref ErrorCode);
    }
}

/// <summary>A member lives, and hears whether its group changes.</summary>
internal sealed class HeartbeatApi() : Api<HeartbeatRequest, HeartbeatResponse>(12, "Heartbeat", 0, 4, flexibleFrom: 4)
{
    protected override async ValueTask<HeartbeatResponse?> HandleAsync(HeartbeatRequest request, Call call)
    {
        if (!call.AllowsGroup(AclOperation.Read, request.GroupId))
            return new HeartbeatResponse { ErrorCode = KafkaError.GroupAuthorizationFailed };
        var member = new GroupMember(request.GroupId, request.MemberId, request.GroupInstanceId);
        var error = await call.Wire.HeartbeatAsync(member, request.GenerationId).ConfigureAwait(false);
        return new HeartbeatResponse { ErrorCode = error.ToKafka() };
    }
}
