using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

public sealed class TransactionalProduceTests : EndpointTest
{
    [Fact]
    public async Task A_producer_with_a_transactional_id_gets_a_newer_epoch_each_time_and_one_without_another_id()
    {
        var (first, second) = (await InitAsync("x"), await InitAsync("x"));
        var (plain, other) = (await InitAsync(null), await InitAsync(null));

        second.Should().Be(new ProducerIdentity(first.Id, (short)(first.Epoch + 1)));
        other.Id.Should().NotBe(plain.Id);
        (plain.Epoch, other.Epoch).Should().Be((0, 0));
    }

    [Theory]
    [InlineData("", 60_000, nameof(KafkaError.InvalidRequest))]
    [InlineData("x", 0, nameof(KafkaError.InvalidTransactionTimeout))]
    [InlineData("x", 900_001, nameof(KafkaError.InvalidTransactionTimeout))]
    public async Task What_no_transaction_can_have_is_refused(string transactionalId, int timeoutMs, string error)
    {
        var answer = await Connect().CallAsync<InitProducerIdResponse>(4, new InitProducerIdRequest { TransactionalId = transactionalId, TransactionTimeoutMs = timeoutMs });

        answer.Should().BeEquivalentTo(new { ProducerId = -1L, ProducerEpoch = (short)-1 });
        answer.ErrorCode.ToString().Should().Be(error);
    }

    [Theory]
    [InlineData(9, nameof(KafkaError.InvalidTxnState)), InlineData(11, nameof(KafkaError.TransactionAbortable)), InlineData(12, nameof(KafkaError.None))]
    public async Task A_batch_outside_of_its_transaction_is_refused_in_the_words_of_the_version_and_from_12_on_joins_it(short version, string error)
    {
        await Broker.Admin.CreateTopicAsync("t");

        var answer = await ProduceAsync(await InitAsync("x"), "x", version);

        answer.ErrorCode.ToString().Should().Be(error);
        (await Connect().CallAsync<FetchResponse>(12, TestBatch.Fetch("t", 0))).Only().LastStableOffset.Should().Be(0, "what was accepted is not decided yet");
    }

    [Fact]
    public async Task A_zombies_batch_is_refused_and_one_without_a_transactional_id_too()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var zombie = await InitAsync("x");
        await ProduceAsync(zombie, "x", 12);
        await InitAsync("x");

        (await ProduceAsync(zombie, "x", 12, sequence: 1)).ErrorCode.Should().Be(KafkaError.InvalidProducerEpoch);
        (await ProduceAsync(zombie, null, 12, sequence: 1)).ErrorCode.Should().Be(KafkaError.TransactionalIdAuthorizationFailed);
    }

    private async Task<ProducerIdentity> InitAsync(string? transactionalId)
    {
        var answer = await Connect().CallAsync<InitProducerIdResponse>(4, new InitProducerIdRequest { TransactionalId = transactionalId, TransactionTimeoutMs = 60_000 });
        answer.ErrorCode.Should().Be(KafkaError.None);
        return new ProducerIdentity(answer.ProducerId, answer.ProducerEpoch);
    }

    private async Task<ProduceResponse.Partition> ProduceAsync(ProducerIdentity producer, string? transactionalId, short version, int sequence = 0)
    {
        var batch = TestBatch.Of(producer, sequence, "a");
        var request = TestBatch.Produce("t", TestBatch.With(batch, BatchHeader.AttributesAt + 1, (byte)BatchAttributes.Transactional));
        request.TransactionalId = transactionalId;
        return (await Connect().CallAsync<ProduceResponse>(version, request)).Only();
    }
}
