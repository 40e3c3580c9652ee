namespace ExactlyOnce.Confluent.Tests;

using global::Confluent.Kafka;
using global::Confluent.Kafka.Admin;

/// <summary>
/// What code written for Confluent.Kafka relies on. Inherited once for the clients in process and once for the real ones over the endpoint: what passes here on
/// both, a unit test may believe.
/// </summary>
public abstract partial class ConfluentConformance : IAsyncLifetime
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(200);

    protected Broker Broker { get; } = Broker.CreateInMemory();

    public virtual Task InitializeAsync() => Task.CompletedTask;

    public virtual async Task DisposeAsync() => await Broker.DisposeAsync();

    [Fact]
    public async Task A_record_comes_out_as_it_was_produced()
    {
        await CreateTopicAsync("orders", 3);
        using var producer = Producer();
        var at = new DateTime(2026, 5, 6, 7, 8, 9, DateTimeKind.Utc);
        var delivered = await producer.ProduceAsync("orders", new Message<string, string>
        {
            Key = "customer-7", Value = "ten", Timestamp = new Timestamp(at), Headers = new Headers { { "trace", [1, 2, 3] }, { "none", null } },
        });
        delivered.Status.Should().Be(PersistenceStatus.Persisted);
        delivered.Offset.Value.Should().Be(0);
        delivered.Partition.Value.Should().BeInRange(0, 2);

        using var consumer = Subscribed("readers", "orders");
        var record = consumer.Consume(Patience);
        record.TopicPartitionOffset.Should().Be(delivered.TopicPartitionOffset);
        record.Message.Key.Should().Be("customer-7");
        record.Message.Value.Should().Be("ten");
        record.Message.Timestamp.UtcDateTime.Should().Be(at);
        record.Message.Headers.Select(header => (header.Key, header.GetValueBytes()?.Length)).Should().Equal(("trace", 3), ("none", null));
    }

    [Fact]
    public async Task Null_keys_and_values_stay_null_and_a_key_stays_in_its_partition()
    {
        await CreateTopicAsync("orders", 4);
        using var producer = Producer();
        var first = await producer.ProduceAsync("orders", new Message<string, string> { Key = "same", Value = null! });
        var second = await producer.ProduceAsync("orders", new Message<string, string> { Key = "same", Value = "" });
        await producer.ProduceAsync("orders", new Message<string, string> { Value = "keyless" });
        second.Partition.Should().Be(first.Partition);

        using var consumer = Subscribed("readers", "orders");
        var records = Take(consumer, 3);
        records.Where(record => record.Message.Key == "same").Select(record => record.Message.Value).Should().Equal(null, "");
        records.Should().ContainSingle(record => record.Message.Key == null).Which.Message.Value.Should().Be("keyless");
    }

    [Fact]
    public async Task Delivery_handlers_are_called_in_order_and_flush_waits_for_them()
    {
        await CreateTopicAsync("orders", 1);
        using var producer = Producer();
        var offsets = new List<long>();
        for (var i = 0; i < 50; i++)
            producer.Produce("orders", new Message<string, string> { Value = $"{i}" }, report => offsets.Add(report.Error.IsError ? -1 : report.Offset.Value));

        producer.Flush(Patience).Should().Be(0);
        offsets.Should().Equal(Enumerable.Range(0, 50).Select(offset => (long)offset));
    }

    [Fact]
    public async Task A_delivery_handler_that_throws_does_not_keep_the_others_from_their_reports()
    {
        await CreateTopicAsync("orders", 1);
        var failures = new System.Collections.Concurrent.ConcurrentQueue<Error>();
        var reported = new CountdownEvent(3);
        using var producer = ProducerBuilder(new ProducerConfig()).SetErrorHandler((_, error) => failures.Enqueue(error)).Build();
        for (var i = 0; i < 3; i++)
        {
            var number = i;
            producer.Produce("orders", new Message<string, string> { Value = $"{i}" }, _ =>
            {
                reported.Signal();
                if (number == 0)
                    throw new FormatException("a bug of the application");
            });
        }

        reported.Wait(Patience).Should().BeTrue();
        SpinWait.SpinUntil(() => !failures.IsEmpty, Patience).Should().BeTrue();
        failures.Should().ContainSingle().Which.Should().Match<Error>(error => error.Code == ErrorCode.Local_Application && error.Reason.Contains("a bug of the application"));
    }

    [Fact]
    public async Task What_cannot_be_serialized_or_is_too_large_is_refused()
    {
        await CreateTopicAsync("orders", 1);
        var builder = ProducerBuilder(new ProducerConfig());
        builder.SetValueSerializer(new FailingSerializer());
        using var failing = builder.Build();
        (await FluentActions.Awaiting(() => failing.ProduceAsync("orders", new Message<string, string> { Value = "x" })).Should().ThrowAsync<ProduceException<string, string>>())
            .Which.Error.Code.Should().Be(ErrorCode.Local_ValueSerialization);
        using var producer = Producer();
        (await FluentActions.Awaiting(() => producer.ProduceAsync("orders", new Message<string, string> { Value = new string('x', 1_100_000) }))
            .Should().ThrowAsync<ProduceException<string, string>>()).Which.Error.Code.Should().Be(ErrorCode.MsgSizeTooLarge);
    }

    [Fact]
    public async Task What_cannot_be_deserialized_is_told_once_and_passed_over()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 2);
        var builder = ConsumerBuilder("readers", null);
        builder.SetValueDeserializer(new FailingDeserializer());
        using var consumer = builder.Build();
        consumer.Subscribe("orders");

        var failure = FluentActions.Invoking(() => consumer.Consume(Patience)).Should().Throw<ConsumeException>().Which;
        failure.Error.Code.Should().Be(ErrorCode.Local_ValueDeserialization);
        failure.ConsumerRecord.Offset.Value.Should().Be(0);
        failure.ConsumerRecord.Message.Value.Should().Equal("0"u8.ToArray());
        consumer.Consume(Patience).Message.Value.Should().Be("1");
    }

    [Fact]
    public void A_consumer_needs_a_group() =>
        FluentActions.Invoking(() => ConsumerBuilder(null!, null).Build()).Should().Throw<ArgumentException>().WithMessage("*group.id*");

    [Fact]
    public void A_type_without_a_serializer_is_refused_when_the_client_is_built() =>
        FluentActions.Invoking(() => BuildUnknown()).Should().Throw<ArgumentNullException>().WithMessage("*no default serializer defined for type Version*");

    [Fact]
    public async Task A_pattern_subscribes_to_the_topics_that_match()
    {
        await CreateTopicAsync("orders-eu", 1);
        await CreateTopicAsync("orders-us", 1);
        await CreateTopicAsync("other", 1);
        await FillAsync("orders-eu", 1);
        await FillAsync("orders-us", 1);
        await FillAsync("other", 1);
        using var consumer = Subscribed("readers", "^orders-.*");

        Take(consumer, 2).Select(record => record.Topic).Should().BeEquivalentTo("orders-eu", "orders-us");
        consumer.Consume(s_moment).Should().BeNull();
    }

    protected abstract ProducerBuilder<string, string> ProducerBuilder(ProducerConfig config);

    protected abstract ConsumerBuilder<string, string> ConsumerBuilder(ConsumerConfig config);

    protected abstract AdminClientBuilder AdminBuilder(AdminClientConfig config);

    protected abstract void BuildUnknown();

    protected IProducer<string, string> Producer() => ProducerBuilder(new ProducerConfig()).Build();

    protected IProducer<string, string> Transactional(string id) => ProducerBuilder(new ProducerConfig { TransactionalId = id }).Build();

    protected IConsumer<string, string> Consumer(string group) => ConsumerBuilder(group, null).Build();

    protected IAdminClient Admin() => AdminBuilder(new AdminClientConfig()).Build();

    protected IConsumer<string, string> Subscribed(
        string group, string topic, Action<ConsumerConfig>? configure = null, List<string>? told = null, bool waitForAssignment = false)
    {
        var builder = ConsumerBuilder(group, configure);
        var isAssigned = false;
        builder.SetPartitionsAssignedHandler((_, partitions) =>
        {
            isAssigned = true;
            told?.Add($"+{string.Join(',', partitions.Select(partition => partition.Partition.Value).Order())}");
        });
        builder.SetPartitionsRevokedHandler((_, partitions) => told?.Add($"-{string.Join(',', partitions.Select(partition => partition.Partition.Value).Order())}"));
        var consumer = builder.Build();
        consumer.Subscribe(topic);
        for (var deadline = DateTime.UtcNow + Patience; waitForAssignment && !isAssigned && DateTime.UtcNow < deadline;)
            consumer.Consume(TimeSpan.FromMilliseconds(50));
        // The real client looks up where "latest" is with its next fetch.
        if (waitForAssignment)
            consumer.Consume(s_moment);
        return consumer;
    }

    protected async Task CreateTopicAsync(string topic, int partitions, params (string Name, string Value)[] configs)
    {
        using var admin = Admin();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = partitions, Configs = configs.ToDictionary(config => config.Name, config => config.Value) }]);
    }

    protected async Task FillAsync(string topic, int count, int partition = 0)
    {
        using var producer = Producer();
        for (var i = 0; i < count; i++)
            await producer.ProduceAsync(new TopicPartition(topic, partition), new Message<string, string> { Value = $"{i}" });
    }

    protected static List<ConsumeResult<string, string>> Take(IConsumer<string, string> consumer, int count)
    {
        var records = new List<ConsumeResult<string, string>>();
        while (records.Count < count)
            records.Add(consumer.Consume(Patience) ?? throw new TimeoutException($"{records.Count} of {count} records came."));
        return records;
    }

    private ConsumerBuilder<string, string> ConsumerBuilder(string group, Action<ConsumerConfig>? configure)
    {
        var config = new ConsumerConfig { GroupId = group, AutoOffsetReset = AutoOffsetReset.Earliest };
        configure?.Invoke(config);
        return ConsumerBuilder(config);
    }

    private sealed class FailingSerializer : ISerializer<string>
    {
        public byte[] Serialize(string data, SerializationContext context) => throw new FormatException("not this one");
    }

    private sealed class FailingDeserializer : IDeserializer<string>
    {
        public string Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context) =>
            data is [(byte)'0'] ? throw new FormatException("not this one") : System.Text.Encoding.UTF8.GetString(data);
    }
}
