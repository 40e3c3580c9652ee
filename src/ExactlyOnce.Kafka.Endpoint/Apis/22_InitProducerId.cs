using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kernel.Primitives;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class InitProducerIdRequest : IMessage
{
    public string? TransactionalId;
    public int TransactionTimeoutMs;
    public long ProducerId = -1;
    public short ProducerEpoch = -1;

    public void Fields(Wire wire)
    {
        wire.NullableString(ref TransactionalId);
        wire.Int32(ref TransactionTimeoutMs);
        wire.Int64(ref ProducerId, from: 3);
        wire.Int16(ref ProducerEpoch, from: 3);
    }
}

internal sealed class InitProducerIdResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public long ProducerId = -1;
    public short ProducerEpoch = -1;

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode);
        wire.Int64(ref ProducerId);
        wire.Int16(ref ProducerEpoch);
    }
}

/// <summary>Gives a producer its identity.</summary>
internal sealed class InitProducerIdApi() : Api<InitProducerIdRequest, InitProducerIdResponse>(22, "InitProducerId", 0, 5, flexibleFrom: 2)
{
    private const int FirstThatFences = 4;

    protected override async ValueTask<InitProducerIdResponse?> HandleAsync(InitProducerIdRequest request, Call call)
    {
        if (Refuse(request.TransactionalId, call) is var refusal and not KafkaError.None)
            return new InitProducerIdResponse { ErrorCode = refusal };
        var held = new ProducerIdentity(request.ProducerId, request.ProducerEpoch);
        var init = new InitProducerIdCall(request.TransactionalId, request.TransactionTimeoutMs, held, call.ClientName);
        var answer = await call.Wire.InitProducerIdAsync(init).ConfigureAwait(false);
        return new InitProducerIdResponse
        {
            ErrorCode = (call.Version < FirstThatFences ? WireErrors.BeforeProducerFenced(answer.Error) : answer.Error).ToKafka(),
            ProducerId = answer.Identity.Id,
            ProducerEpoch = answer.Identity.Epoch,
        };
    }

    /// <summary>An idempotent producer may be one that may write anywhere at all.</summary>
    private static KafkaError Refuse(string? transactionalId, Call call) => transactionalId is not null
        ? (call.AllowsTransactionalId(AclOperation.Write, transactionalId) ? KafkaError.None : KafkaError.TransactionalIdAuthorizationFailed)
        : call.AllowsCluster(AclOperation.IdempotentWrite) || call.Connection.Identity.AllowsSome(AclOperation.Write, AclResource.Topic) ? KafkaError.None
        : KafkaError.ClusterAuthorizationFailed;
}
