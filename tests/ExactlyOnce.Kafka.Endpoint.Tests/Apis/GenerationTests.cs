using ExactlyOnce.Clients.Producing;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

/// <summary>Transactions of the second generation, as clients speak that follow transaction.version 2, and of both with one transactional id.</summary>
public sealed class GenerationTests : EndpointTest
{
    private RawTransaction Producer => field ??= new RawTransaction(Connect(), "x");

    [Fact]
    public async Task A_transaction_needs_no_explicit_adds_and_its_end_answers_the_next_epoch()
    {
        await CreateAsync("t", "u");
        var first = await Producer.InitAsync();
        (await Producer.ProduceAsync("t", "a")).Should().Be(KafkaError.None);
        (await Producer.ProduceAsync("u", "b")).Should().Be(KafkaError.None);
        (await Producer.CommitOffsetAsync("g", "t", 7)).Should().Be(KafkaError.None);
        (await ReadAsync("t")).Should().Be(0, "nothing is decided yet");
        (await CommittedAsync("g", "t")).Should().Be(-1);

        var ended = await Producer.EndAsync(commit: true);

        ended.Should().BeEquivalentTo(new { ErrorCode = KafkaError.None, ProducerId = first.Id, ProducerEpoch = (short)(first.Epoch + 1) });
        ((await ReadAsync("t")), (await ReadAsync("u"))).Should().Be((1, 1));
        (await CommittedAsync("g", "t")).Should().Be(7);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task What_the_host_has_prepared_takes_nothing_more_in_from_a_client(bool isFirstGeneration)
    {
        await CreateAsync("t");
        var producer = new RawTransaction(Connect(), "x", isFirstGeneration);
        await producer.InitAsync();
        if (isFirstGeneration)
            (await producer.AddAsync("t")).Should().Be(KafkaError.None);
        (await producer.ProduceAsync("t", "a")).Should().Be(KafkaError.None);
        var token = await Broker.Backend.PrepareTransactionAsync(new ProducerSession { TransactionalId = "x", Identity = producer.Identity }, []);

        (await producer.ProduceAsync("t", "late")).Should().Be(KafkaError.InvalidTxnState);
        if (isFirstGeneration)
            (await producer.AddAsync("t")).Should().Be(KafkaError.InvalidTxnState);
        (await producer.CommitOffsetAsync("g", "t", 7)).Should().Be(KafkaError.InvalidTxnState);

        await Broker.Admin.CommitPreparedAsync(token);
        (await ReadAsync("t")).Should().Be(1);
    }

    [Fact]
    public async Task A_zombie_is_told_that_it_is_fenced_in_the_words_that_its_version_knows()
    {
        await CreateAsync("t");
        var client = Connect();
        var zombie = await Producer.InitAsync();
        await Producer.InitAsync();
        var (id, epoch) = (zombie.Id, zombie.Epoch);
        var init = new InitProducerIdRequest { TransactionalId = "x", TransactionTimeoutMs = 60_000, ProducerId = id, ProducerEpoch = epoch };
        var add = new AddPartitionsToTxnRequest { TransactionalId = "x", ProducerId = id, ProducerEpoch = epoch, Topics = [new() { Name = "t", Partitions = [0] }] };
        var addOffsets = new AddOffsetsToTxnRequest { TransactionalId = "x", ProducerId = id, ProducerEpoch = epoch, GroupId = "g" };
        var end = new EndTxnRequest { TransactionalId = "x", ProducerId = id, ProducerEpoch = epoch };

        (await client.CallAsync<InitProducerIdResponse>(3, init)).ErrorCode.Should().Be(KafkaError.InvalidProducerEpoch);
        (await client.CallAsync<InitProducerIdResponse>(4, init)).ErrorCode.Should().Be(KafkaError.ProducerFenced);
        foreach (var (version, error) in new[] { ((short)1, KafkaError.InvalidProducerEpoch), ((short)2, KafkaError.ProducerFenced) })
        {
            (await client.CallAsync<AddPartitionsToTxnResponse>(version, add)).ResultsByTopic.Single().ResultsByPartition.Single().PartitionErrorCode.Should().Be(error);
            (await client.CallAsync<AddOffsetsToTxnResponse>(version, addOffsets)).ErrorCode.Should().Be(error);
            (await client.CallAsync<EndTxnResponse>(version, end)).ErrorCode.Should().Be(error);
        }
        (await Producer.ProduceAsync("t", "zombie", by: zombie)).Should().Be(KafkaError.InvalidProducerEpoch);
        (await client.CallAsync<InitProducerIdResponse>(4, new InitProducerIdRequest { TransactionalId = "x", TransactionTimeoutMs = 60_000, ProducerId = id })).ErrorCode.Should().Be(
            KafkaError.InvalidRequest, "half an identity is none");
    }

    [Fact]
    public async Task An_abort_answers_the_next_epoch_and_takes_everything_back()
    {
        await CreateAsync("t");
        var first = await Producer.InitAsync();
        await Producer.ProduceAsync("t", "a");
        await Producer.CommitOffsetAsync("g", "t", 7);

        (await Producer.EndAsync(commit: false)).ProducerEpoch.Should().Be((short)(first.Epoch + 1));

        (await ReadAsync("t")).Should().Be(0);
        (await CommittedAsync("g", "t")).Should().Be(-1);
    }

    [Theory]
    [InlineData(true), InlineData(false)]
    public async Task A_retried_end_is_answered_like_the_first_and_ends_nothing_else(bool commit)
    {
        await CreateAsync("t");
        var first = await Producer.InitAsync();
        await Producer.ProduceAsync("t", "a");
        var ended = await Producer.EndAsync(commit);

        (await Producer.EndAsync(commit, first)).Should().BeEquivalentTo(ended);
        // A commit that meets an abort can only be one that the broker aborted before: fenced, from which a client recovers (KAFKA-20785), where Kafka says 48.
        (await Producer.EndAsync(!commit, first)).ErrorCode.Should()
            .Be(commit ? KafkaError.InvalidTxnState : KafkaError.ProducerFenced, "the other wish comes too late");

        (await Producer.ProduceAsync("t", "b")).Should().Be(KafkaError.None);
        (await Producer.EndAsync(commit, first)).ErrorCode.Should().NotBe(KafkaError.None, "the retry is older than the transaction that is open");
        (await Producer.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.None);
        (await ReadAsync("t")).Should().Be(commit ? 2 : 1);
    }

    [Fact]
    public async Task A_late_batch_of_the_transaction_before_is_refused()
    {
        await CreateAsync("t");
        var first = await Producer.InitAsync();
        await Producer.ProduceAsync("t", "a");
        await Producer.EndAsync(commit: true);
        await Producer.ProduceAsync("t", "b");

        (await Producer.ProduceAsync("t", "late", by: first, sequence: 1)).Should().Be(KafkaError.InvalidProducerEpoch);
        await Producer.EndAsync(commit: true);
        (await ReadAsync("t")).Should().Be(2);
    }

    [Fact]
    public async Task An_empty_transaction_is_aborted_into_the_next_epoch_and_cannot_be_committed()
    {
        var first = await Producer.InitAsync();

        (await Producer.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.InvalidTxnState);
        (await Producer.EndAsync(commit: false)).Should().BeEquivalentTo(new { ErrorCode = KafkaError.None, ProducerEpoch = (short)(first.Epoch + 1) });
    }

    [Fact]
    public async Task A_transaction_of_offsets_only_is_one()
    {
        await CreateAsync("t");
        await Producer.InitAsync();
        await Producer.CommitOffsetAsync("g", "t", 3);

        (await Producer.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.None);
        (await CommittedAsync("g", "t")).Should().Be(3);
    }

    [Fact]
    public async Task A_new_partition_of_a_transaction_begins_with_sequence_zero()
    {
        await CreateAsync("t");
        await Producer.InitAsync();

        (await Producer.ProduceAsync("t", "a", sequence: 5)).Should().Be(KafkaError.OutOfOrderSequenceNumber);
    }

    [Fact]
    public async Task One_transactional_id_changes_between_the_generations_and_every_predecessor_is_fenced()
    {
        await CreateAsync("t");
        var (old, young) = (new RawTransaction(Connect(), "x", isFirstGeneration: true), new RawTransaction(Connect(), "x"));
        for (var round = 0; round < 3; round++)
        {
            await old.InitAsync();
            if (round > 0)
                (await young.ProduceAsync("t", "zombie")).Should().Be(KafkaError.InvalidProducerEpoch);
            await old.AddAsync("t");
            (await old.ProduceAsync("t", "old")).Should().Be(KafkaError.None);
            var ended = await old.EndAsync(commit: true);
            ended.ErrorCode.Should().Be(KafkaError.None);
            (await old.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.None, "a retry of the first generation has no other epoch");

            await young.InitAsync();
            (await old.AddAsync("t")).Should().Be(KafkaError.ProducerFenced);
            (await old.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.ProducerFenced);
            (await young.ProduceAsync("t", "young")).Should().Be(KafkaError.None);
            (await young.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.None);
            (await ReadAsync("t")).Should().Be(2 * (round + 1));
        }
    }

    [Fact]
    public async Task A_producer_that_changes_its_generation_between_two_transactions_keeps_its_identity()
    {
        await CreateAsync("t");
        var old = new RawTransaction(Connect(), "x", isFirstGeneration: true);
        await old.InitAsync();
        await old.AddAsync("t");
        await old.ProduceAsync("t", "a");
        await old.EndAsync(commit: true);

        // What a client does that notices the feature: it asks again with the identity that it has.
        var before = old.Identity;
        var young = new RawTransaction(Connect(), "x");
        (await young.InitAsync(held: before)).Should().Be(before with { Epoch = (short)(before.Epoch + 1) });
        (await young.ProduceAsync("t", "b")).Should().Be(KafkaError.None);
        (await young.EndAsync(commit: true)).ErrorCode.Should().Be(KafkaError.None);

        (await ReadAsync("t")).Should().Be(2);
    }

    private async Task CreateAsync(params string[] topics)
    {
        foreach (var topic in topics)
            await Broker.Admin.CreateTopicAsync(topic);
    }

    /// <summary>Data batches that a reader of what is committed sees; each transaction wrote one record a batch.</summary>
    private async Task<int> ReadAsync(string topic)
    {
        var answer = (await Connect().CallAsync<FetchResponse>(12, TestBatch.Fetch(topic, 0, isolation: 1))).Only();
        var aborted = (answer.AbortedTransactions ?? []).Select(transaction => transaction.ProducerId).ToHashSet();
        var visible = 0;
        foreach (var batch in answer.Records.Length == 0 ? [] : answer.Batches())
        {
            if (batch.IsControl)
                aborted.Remove(batch.Producer.Id);
            else if (!aborted.Contains(batch.Producer.Id) || !answer.AbortedTransactions!.Any(transaction => transaction.FirstOffset <= batch.BaseOffset))
                visible++;
        }
        return visible;
    }

    private async Task<long> CommittedAsync(string group, string topic)
    {
        var answer = await Connect().CallAsync<OffsetFetchResponse>(5, new OffsetFetchRequest
        {
            GroupId = group,
            Topics = [new OffsetFetchRequest.Topic { Name = topic, PartitionIndexes = [0] }],
        });
        return answer.Topics.Single().Partitions.Single().CommittedOffset;
    }
}
