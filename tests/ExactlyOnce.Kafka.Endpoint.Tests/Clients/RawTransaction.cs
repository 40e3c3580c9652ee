using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>A transactional producer of either generation over a raw client, one batch a request.</summary>
internal sealed class RawTransaction(RawClient client, string transactionalId, bool isFirstGeneration = false)
{
    private readonly Dictionary<string, int> _sequences = [];

    public ProducerIdentity Identity { get; private set; }

    /// <summary>Speaks on in the name of another connection's producer.</summary>
    public void Continue(ProducerIdentity identity) => Identity = identity;

    public async Task<ProducerIdentity> InitAsync(ProducerIdentity? held = null)
    {
        var answer = await client.CallAsync<InitProducerIdResponse>((short)(isFirstGeneration ? 4 : 5), new InitProducerIdRequest
        {
            TransactionalId = transactionalId,
            TransactionTimeoutMs = 60_000,
            ProducerId = held?.Id ?? -1,
            ProducerEpoch = held?.Epoch ?? -1,
        });
        answer.ErrorCode.Should().Be(KafkaError.None);
        _sequences.Clear();
        return Identity = new ProducerIdentity(answer.ProducerId, answer.ProducerEpoch);
    }

    /// <summary>What only the first generation says.</summary>
    public async Task<KafkaError> AddAsync(string topic)
    {
        var answer = await client.CallAsync<AddPartitionsToTxnResponse>(3, new AddPartitionsToTxnRequest
        {
            TransactionalId = transactionalId,
            ProducerId = Identity.Id,
            ProducerEpoch = Identity.Epoch,
            Topics = [new AddPartitionsToTxnRequest.Topic { Name = topic, Partitions = [0] }],
        });
        return answer.ResultsByTopic.Single().ResultsByPartition.Single().PartitionErrorCode;
    }

    public async Task<KafkaError> ProduceAsync(string topic, string value, ProducerIdentity? by = null, int? sequence = null)
    {
        var next = sequence ?? _sequences.GetValueOrDefault(topic);
        var batch = TestBatch.Of(by ?? Identity, next, value);
        var request = TestBatch.Produce(topic, TestBatch.With(batch, BatchHeader.AttributesAt + 1, (byte)BatchAttributes.Transactional));
        request.TransactionalId = transactionalId;
        var error = (await client.CallAsync<ProduceResponse>((short)(isFirstGeneration ? 11 : 12), request)).Only().ErrorCode;
        if (sequence is null && error == KafkaError.None)
            _sequences[topic] = next + 1;
        return error;
    }

    public async Task<KafkaError> CommitOffsetAsync(string group, string topic, long offset)
    {
        var answer = await client.CallAsync<TxnOffsetCommitResponse>((short)(isFirstGeneration ? 4 : 5), new TxnOffsetCommitRequest
        {
            TransactionalId = transactionalId,
            GroupId = group,
            ProducerId = Identity.Id,
            ProducerEpoch = Identity.Epoch,
            GenerationId = -1,
            Topics = [new() { Name = topic, Partitions = [new() { CommittedOffset = offset }] }],
        });
        return answer.Topics.Single().Partitions.Single().ErrorCode;
    }

    /// <summary>Takes over the identity that is answered to the current one; <paramref name="by"/> asks in the name of another.</summary>
    public async Task<EndTxnResponse> EndAsync(bool commit, ProducerIdentity? by = null)
    {
        var caller = by ?? Identity;
        var answer = await client.CallAsync<EndTxnResponse>((short)(isFirstGeneration ? 4 : 5), new EndTxnRequest
        {
            TransactionalId = transactionalId,
            ProducerId = caller.Id,
            ProducerEpoch = caller.Epoch,
            Committed = commit,
        });
        if (by is null && answer.ErrorCode == KafkaError.None && !isFirstGeneration)
        {
            Identity = new ProducerIdentity(answer.ProducerId, answer.ProducerEpoch);
            _sequences.Clear();
        }
        return answer;
    }
}
