using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;

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
    protected override async ValueTask<InitProducerIdResponse?> HandleAsync(InitProducerIdRequest request, Call call)
    {
        try
        {
            return request.TransactionalId is null
                ? await AllocateAsync(call).ConfigureAwait(false)
                : new InitProducerIdResponse { ErrorCode = KafkaError.TransactionalIdAuthorizationFailed };
        }
        catch (BrokerException exception)
        {
            return new InitProducerIdResponse { ErrorCode = exception.ToKafka() };
        }
    }

    /// <summary>An idempotent producer without a transactional id: a new identity, whatever it had before.</summary>
    private static async ValueTask<InitProducerIdResponse> AllocateAsync(Call call)
    {
        var session = await call.Backend.InitProducerAsync(new ProducerRequest(), call.Cancelled).ConfigureAwait(false);
        return new InitProducerIdResponse { ProducerId = session.Identity.Id, ProducerEpoch = session.Identity.Epoch };
    }
}
