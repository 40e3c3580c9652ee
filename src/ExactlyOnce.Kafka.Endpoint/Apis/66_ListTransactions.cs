using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class ListTransactionsRequest : IMessage
{
    public string[] StateFilters = [];
    public long[] ProducerIdFilters = [];
    public long DurationFilter = -1;
    public string? TransactionalIdPattern;

    public void Fields(Wire wire)
    {
        wire.Strings(ref StateFilters);
        wire.Int64s(ref ProducerIdFilters);
        wire.Int64(ref DurationFilter, from: 1);
        wire.NullableString(ref TransactionalIdPattern, from: 2);
    }
}

internal sealed class ListTransactionsResponse : IMessage
{
    public int ThrottleTimeMs;
    public KafkaError ErrorCode;
    public string[] UnknownStateFilters = [];
    public State[] TransactionStates = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Error(ref ErrorCode);
        wire.Strings(ref UnknownStateFilters);
        wire.Array(ref TransactionStates);
    }

    internal sealed class State : IMessage
    {
        public string TransactionalId = "";
        public long ProducerId;
        public string TransactionState = "";

        public void Fields(Wire wire)
        {
            wire.String(ref TransactionalId);
            wire.Int64(ref ProducerId);
            wire.String(ref TransactionState);
        }
    }
}

/// <summary>Lists transactions, all or those that are looked for.</summary>
internal sealed class ListTransactionsApi() : Api<ListTransactionsRequest, ListTransactionsResponse>(66, "ListTransactions", 0, 2, flexibleFrom: 0)
{
    protected override async ValueTask<ListTransactionsResponse?> HandleAsync(ListTransactionsRequest request, Call call)
    {
        var listing = await call.Wire.ListTransactionsAsync(new ListTransactionsCall
        {
            States = request.StateFilters,
            ProducerIds = request.ProducerIdFilters,
            OpenForMs = request.DurationFilter,
            IdPattern = request.TransactionalIdPattern,
        }).ConfigureAwait(false);
        var shown = listing.Transactions.Where(transaction => call.AllowsTransactionalId(AclOperation.Describe, transaction.TransactionalId));
        return new ListTransactionsResponse
        {
            ErrorCode = listing.Error.ToKafka(),
            UnknownStateFilters = [.. listing.UnknownStates],
            TransactionStates = [.. shown.Select(transaction => new ListTransactionsResponse.State
            {
                TransactionalId = transaction.TransactionalId,
                ProducerId = transaction.Identity.Id,
                TransactionState = transaction.State,
            })],
        };
    }
}
