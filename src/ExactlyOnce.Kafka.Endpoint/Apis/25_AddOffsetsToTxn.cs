using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class AddOffsetsToTxnRequest : IMessage
{
    public string TransactionalId = "";
    public long ProducerId;
    public short ProducerEpoch;
    public string GroupId = "";

    public void Fields(Wire wire)
    {
        wire.String(ref TransactionalId);
        wire.Int64(ref ProducerId);
        wire.Int16(ref ProducerEpoch);
        wire.String(ref GroupId);
    }
}

internal sealed class AddOffsetsToTxnResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode);
    }
}

/// <summary>Makes a group's offsets part of a transaction of the first generation.</summary>
internal sealed class AddOffsetsToTxnApi() : Api<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>(25, "AddOffsetsToTxn", 0, 4, flexibleFrom: 3)
{
    private const int FirstThatFences = 2;

    protected override async ValueTask<AddOffsetsToTxnResponse?> HandleAsync(AddOffsetsToTxnRequest request, Call call)
    {
        if (!call.AllowsTransactionalId(AclOperation.Write, request.TransactionalId))
            return new AddOffsetsToTxnResponse { ErrorCode = KafkaError.TransactionalIdAuthorizationFailed };
        if (!call.AllowsGroup(AclOperation.Read, request.GroupId))
            return new AddOffsetsToTxnResponse { ErrorCode = KafkaError.GroupAuthorizationFailed };
        var caller = call.In(request.TransactionalId, request.ProducerId, request.ProducerEpoch, WireGeneration.V1);
        var error = await call.Wire.AddOffsetsToTransactionAsync(caller, request.GroupId).ConfigureAwait(false);
        return new AddOffsetsToTxnResponse { ErrorCode = (call.Version < FirstThatFences ? WireErrors.BeforeProducerFenced(error) : error).ToKafka() };
    }
}
