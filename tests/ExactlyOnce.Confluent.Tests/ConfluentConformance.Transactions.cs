namespace ExactlyOnce.Confluent.Tests;

using global::Confluent.Kafka;

/// <summary>Transactions, zombies and what can only be aborted.</summary>
public abstract partial class ConfluentConformance
{
    [Fact]
    public async Task A_transaction_is_seen_when_it_is_committed_and_only_then()
    {
        await CreateTopicAsync("orders", 1);
        using var producer = Transactional("checkout");
        producer.InitTransactions(Patience);
        producer.BeginTransaction();
        producer.Produce("orders", new Message<string, string> { Value = "aborted" });
        producer.AbortTransaction(Patience);
        producer.BeginTransaction();
        var delivered = producer.ProduceAsync("orders", new Message<string, string> { Value = "committed" });
        using var committed = Subscribed("committed", "orders");
        using var uncommitted = Subscribed("uncommitted", "orders", config => config.IsolationLevel = IsolationLevel.ReadUncommitted);
        (await delivered).Status.Should().Be(PersistenceStatus.Persisted);

        Values(uncommitted, s_moment).Should().Contain("committed");
        committed.Consume(s_moment).Should().BeNull();
        producer.CommitTransaction(Patience);
        committed.Consume(Patience).Message.Value.Should().Be("committed");
    }

    [Fact]
    public async Task Consume_transform_produce_is_exactly_once()
    {
        await CreateTopicAsync("orders", 1);
        await CreateTopicAsync("invoices", 1);
        await FillAsync("orders", 6);
        using var producer = Transactional("billing");
        producer.InitTransactions(Patience);
        using var consumer = Subscribed("billing", "orders", config => config.EnableAutoCommit = false);
        var isFirstTry = true;
        for (var done = 0; done < 6;)
        {
            var records = Take(consumer, 3);
            producer.BeginTransaction();
            foreach (var record in records)
                producer.Produce("invoices", new Message<string, string> { Value = $"invoice of {record.Message.Value}" });
            producer.SendOffsetsToTransaction([new TopicPartitionOffset("orders", 0, records[^1].Offset + 1)], consumer.ConsumerGroupMetadata, Patience);
            if (isFirstTry)
            {
                isFirstTry = false;
                producer.AbortTransaction(Patience);
                consumer.Seek(records[0].TopicPartitionOffset);
                continue;
            }
            producer.CommitTransaction(Patience);
            done += records.Count;
        }

        using var reader = Subscribed("readers", "invoices");
        Take(reader, 6).Select(record => record.Message.Value).Should().Equal(Enumerable.Range(0, 6).Select(order => $"invoice of {order}"));
        reader.Consume(s_moment).Should().BeNull();
        consumer.Committed([new TopicPartition("orders", 0)], Patience)[0].Offset.Value.Should().Be(6);
    }

    [Fact]
    public async Task A_zombie_is_fenced_fatally()
    {
        await CreateTopicAsync("orders", 1);
        using var zombie = Transactional("one");
        zombie.InitTransactions(Patience);
        zombie.BeginTransaction();
        await zombie.ProduceAsync("orders", new Message<string, string> { Value = "zombie" });
        using var successor = Transactional("one");
        successor.InitTransactions(Patience);

        var error = FluentActions.Invoking(() => zombie.CommitTransaction(Patience)).Should().Throw<KafkaException>().Which.Error;
        error.Code.Should().Be(ErrorCode.Local_Fenced);
        error.IsFatal.Should().BeTrue();
        using var reader = Subscribed("readers", "orders");
        reader.Consume(s_moment).Should().BeNull();
    }

    [Fact]
    public async Task A_transaction_with_a_refused_record_requires_an_abort()
    {
        await CreateTopicAsync("small", 1, ("max.message.bytes", "200"));
        using var producer = Transactional("checkout");
        producer.InitTransactions(Patience);
        producer.BeginTransaction();
        await FluentActions.Awaiting(() => producer.ProduceAsync("small", new Message<string, string> { Value = new string('x', 1_000) }))
            .Should().ThrowAsync<ProduceException<string, string>>();

        FluentActions.Invoking(() => producer.CommitTransaction(Patience)).Should().Throw<KafkaTxnRequiresAbortException>();
        producer.AbortTransaction(Patience);
        using var reader = Subscribed("readers", "small");
        reader.Consume(s_moment).Should().BeNull();
    }

    [Fact]
    public async Task A_call_in_the_wrong_state_is_refused()
    {
        await CreateTopicAsync("orders", 1);
        using var producer = Transactional("checkout");
        FluentActions.Invoking(producer.BeginTransaction).Should().Throw<KafkaException>().Which.Error.Code.Should().Be(ErrorCode.Local_State);
        producer.InitTransactions(Patience);
        FluentActions.Invoking(() => producer.CommitTransaction(Patience)).Should().Throw<KafkaException>().Which.Error.Code.Should().Be(ErrorCode.Local_State);
        await FluentActions.Awaiting(() => producer.ProduceAsync("orders", new Message<string, string> { Value = "outside" }))
            .Should().ThrowAsync<ProduceException<string, string>>().Where(exception => exception.Error.Code == ErrorCode.Local_State);
        using var plain = Producer();
        FluentActions.Invoking(() => plain.InitTransactions(Patience)).Should().Throw<KafkaException>().Which.Error.Code.Should().Be(ErrorCode.Local_NotConfigured);
    }

    private static List<string> Values(IConsumer<string, string> consumer, TimeSpan pause)
    {
        var values = new List<string> { consumer.Consume(Patience).Message.Value };
        while (consumer.Consume(pause) is { } record)
            values.Add(record.Message.Value);
        return values;
    }
}
