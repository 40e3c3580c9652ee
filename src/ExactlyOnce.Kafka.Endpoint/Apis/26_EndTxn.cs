using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class EndTxnRequest : IMessage
{
    public string TransactionalId = "";
    public long ProducerId;
    public short ProducerEpoch;
    public bool Committed;

    public void Fields(Wire wire)
    {
        wire.String(ref TransactionalId);
        wire.Int64(ref ProducerId);
        wire.Int16(ref ProducerEpoch);
        wire.Bool(ref Committed);
    }
}

internal sealed class EndTxnResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public long ProducerId = -1;
    public short ProducerEpoch = -1;

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode);
        wire.Int64(ref ProducerId, from: 5);
        wire.Int16(ref ProducerEpoch, from: 5);
    }
}

/// <summary>Commits or aborts a transaction; from version 5 on, of the second generation, with the identity for the next one.</summary>
internal sealed class EndTxnApi() : Api<EndTxnRequest, EndTxnResponse>(26, "EndTxn", 0, 5, flexibleFrom: 3)
{
    private const int FirstThatFences = 2;
    private const int FirstOfV2 = 5;

    protected override async ValueTask<EndTxnResponse?> HandleAsync(EndTxnRequest request, Call call)
    {
        if (!call.AllowsTransactionalId(AclOperation.Write, request.TransactionalId))
            return new EndTxnResponse { ErrorCode = KafkaError.TransactionalIdAuthorizationFailed };
        var generation = call.Version < FirstOfV2 ? WireGeneration.V1 : WireGeneration.V2;
        var caller = call.In(request.TransactionalId, request.ProducerId, request.ProducerEpoch, generation);
        var answer = await call.Wire.EndTransactionAsync(caller, request.Committed).ConfigureAwait(false);
        return new EndTxnResponse
        {
            ErrorCode = (call.Version < FirstThatFences ? WireErrors.BeforeProducerFenced(answer.Error) : answer.Error).ToKafka(),
            ProducerId = answer.Identity.Id,
            ProducerEpoch = answer.Identity.Epoch,
        };
    }
}
