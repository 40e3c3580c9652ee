using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Serving;
using Wire = ExactlyOnce.Kafka.Endpoint.Codec.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Apis;

internal sealed class DescribeTransactionsRequest : IMessage
{
    public string[] TransactionalIds = [];

    public void Fields(Wire wire) => wire.Strings(ref TransactionalIds);
}

internal sealed class DescribeTransactionsResponse : IMessage
{
    public int ThrottleTimeMs;
    public State[] TransactionStates = [];

    public void Fields(Wire wire)
    {
        wire.Int32(ref ThrottleTimeMs);
        wire.Array(ref TransactionStates);
    }

    internal sealed class State : IMessage
    {
        public KafkaError ErrorCode;
        public string TransactionalId = "";
        public string TransactionState = "";
        public int TransactionTimeoutMs;
        public long TransactionStartTimeMs = -1;
        public long ProducerId = -1;
        public short ProducerEpoch = -1;
        public Topic[] Topics = [];

        public void Fields(Wire wire)
        {
            wire.Error(ref ErrorCode);
            wire.String(ref TransactionalId);
            wire.String(ref TransactionState);
            wire.Int32(ref TransactionTimeoutMs);
            wire.Int64(ref TransactionStartTimeMs);
            wire.Int64(ref ProducerId);
            wire.Int16(ref ProducerEpoch);
            wire.Array(ref Topics);
        }
    }

    internal sealed class Topic : IMessage
    {
        public string Name = "";
        public int[] Partitions = [];

        public void Fields(Wire wire)
        {
            wire.String(ref Name);
            wire.Int32s(ref Partitions);
        }
    }
}

/// <summary>Shows transactions.</summary>
internal sealed class DescribeTransactionsApi()
    : Api<DescribeTransactionsRequest, DescribeTransactionsResponse>(65, "DescribeTransactions", 0, 0, flexibleFrom: 0)
{
    protected override async ValueTask<DescribeTransactionsResponse?> HandleAsync(DescribeTransactionsRequest request, Call call)
    {
        var asked = request.TransactionalIds.Distinct().ToArray();
        var allowed = Array.FindAll(asked, id => call.AllowsTransactionalId(AclOperation.Describe, id));
        var found = await call.Wire.DescribeTransactionsAsync(allowed).ConfigureAwait(false);
        return new DescribeTransactionsResponse
        {
            TransactionStates = [.. found.Select((transaction, i) => Describe(allowed[i], transaction, call)), .. asked.Except(allowed).Select(Refused)],
        };
    }

    private static DescribeTransactionsResponse.State Refused(string id) =>
        new() { TransactionalId = id, ErrorCode = KafkaError.TransactionalIdAuthorizationFailed };

    private static IEnumerable<TopicPartition> Shown(WireTransaction transaction, Call call) =>
        transaction.Partitions.Where(partition => call.AllowsTopic(AclOperation.Describe, partition.Topic));

    private static DescribeTransactionsResponse.State Describe(string id, WireTransaction? transaction, Call call) => transaction is null
        ? new DescribeTransactionsResponse.State { TransactionalId = id, ErrorCode = KafkaError.TransactionalIdNotFound }
        : new DescribeTransactionsResponse.State
        {
            TransactionalId = id,
            TransactionState = transaction.State,
            TransactionTimeoutMs = transaction.TimeoutMs,
            TransactionStartTimeMs = transaction.StartMs,
            ProducerId = transaction.Identity.Id,
            ProducerEpoch = transaction.Identity.Epoch,
            Topics = [.. Shown(transaction, call).GroupBy(partition => partition.Topic).Select(topic => new DescribeTransactionsResponse.Topic
            {
                Name = topic.Key,
                Partitions = [.. topic.Select(partition => partition.Partition)],
            })],
        };
}
