using ExactlyOnce.Testing;

namespace ExactlyOnce.Confluent.Tests;

using global::Confluent.Kafka;
using global::Confluent.Kafka.Admin;

/// <summary>What is particular to the clients in process.</summary>
public sealed class InProcessTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Members_that_make_no_sense_in_process_say_what_to_do()
    {
        await using var broker = Broker.CreateInMemory();
        using var producer = Producer(broker);
        using var consumer = Consumer(broker, "readers");
        using var admin = new InProcessAdminClientBuilder(broker, new AdminClientConfig()).Build();

        var refused = new Dictionary<Action, string>
        {
            [() => _ = producer.Handle] = "from its own builder over the same broker",
            [() => producer.AddBrokers("elsewhere:9092")] = "leave AddBrokers out",
            [() => consumer.SetSaslCredentials("me", "secret")] = "ExactlyOnce.Kafka.Endpoint",
            [() => admin.CreateAclsAsync([])] = "ExactlyOnce.Kafka.Endpoint",
            [() => admin.DescribeAclsAsync(new AclBindingFilter())] = "ExactlyOnce.Kafka.Endpoint",
            [() => admin.DeleteAclsAsync([])] = "ExactlyOnce.Kafka.Endpoint",
            [() => admin.DescribeUserScramCredentialsAsync([])] = "ExactlyOnce.Kafka.Endpoint",
            [() => admin.AlterUserScramCredentialsAsync([])] = "ExactlyOnce.Kafka.Endpoint",
        };
        foreach (var (call, advice) in refused)
            FluentActions.Invoking(call).Should().Throw<NotSupportedException>().WithMessage($"*{advice}*");
    }

    [Fact]
    public async Task They_work_over_a_test_broker_with_its_faults()
    {
        await using var test = TestBroker.Create();
        using var producer = Producer(test.Broker, "checkout");
        producer.InitTransactions(s_patience);
        test.Faults.At(FaultPoint.BeforeCommit).By("checkout").FenceMeOnce();
        producer.BeginTransaction();
        producer.Produce("orders", new Message<string, string> { Key = "a", Value = "1" });

        FluentActions.Invoking(() => producer.CommitTransaction()).Should().Throw<KafkaException>().Which.Error.IsFatal.Should().BeTrue();
        test.Committed(Topic.Create("orders", Serdes.Utf8, Serdes.Utf8)).Should().BeEmpty();
        test.VerifyInvariants();
    }

    [Fact]
    public async Task A_commit_whose_acknowledgement_is_lost_is_called_again_and_is_done_once()
    {
        await using var test = TestBroker.Create();
        var orders = Topic.Create("orders", Serdes.Utf8);
        using var producer = Producer(test.Broker, "checkout");
        producer.InitTransactions(s_patience);
        test.Faults.At(FaultPoint.AfterCommit).LoseAcknowledgementOnce();
        producer.BeginTransaction();
        producer.Produce("orders", new Message<string, string> { Value = "1" });

        FluentActions.Invoking(() => producer.CommitTransaction()).Should().Throw<KafkaRetriableException>().Which.Error.Code.Should().Be(ErrorCode.Local_TimedOut);
        FluentActions.Invoking(() => producer.AbortTransaction()).Should().Throw<KafkaException>("it may be committed").Which.Error.Code.Should().Be(ErrorCode.Local_State);
        producer.CommitTransaction();
        producer.BeginTransaction();
        producer.Produce("orders", new Message<string, string> { Value = "2" });
        producer.CommitTransaction();

        test.Committed(orders).Select(order => order.Value).Should().Equal("1", "2");
        test.VerifyInvariants();
    }

    [Fact]
    public async Task Offsets_that_could_not_be_committed_stay_stored_for_the_next_commit()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync("orders");
        using var producer = Producer(broker);
        await producer.ProduceAsync("orders", new Message<string, string> { Value = "1" });
        using var consumer = Consumer(broker, "readers", enableAutoCommit: false);
        var partition = new TopicPartition("orders", 0);
        consumer.Assign(partition);
        consumer.Consume(s_patience).Should().NotBeNull();
        using (var member = Consumer(broker, "readers"))
        {
            member.Subscribe("orders");
            member.Consume(TimeSpan.Zero);
            FluentActions.Invoking(() => consumer.Commit()).Should().Throw<KafkaException>("the group has members, and this is none");
        }

        consumer.Commit().Should().ContainSingle().Which.Offset.Value.Should().Be(1);
    }

    [Fact]
    public async Task A_handler_of_an_assignment_that_throws_is_called_again_and_then_there_are_records()
    {
        await using var broker = Broker.CreateInMemory();
        using var producer = Producer(broker);
        await producer.ProduceAsync("orders", new Message<string, string> { Value = "1" });
        var calls = 0;
        var builder = new InProcessConsumerBuilder<string, string>(broker, new ConsumerConfig { GroupId = "readers", AutoOffsetReset = AutoOffsetReset.Earliest });
        builder.SetPartitionsAssignedHandler((_, _) =>
        {
            if (++calls == 1)
                throw new FormatException("a bug");
        });
        using var consumer = builder.Build();
        consumer.Subscribe("orders");

        FluentActions.Invoking(() => consumer.Consume(s_patience)).Should().Throw<FormatException>();
        consumer.Consume(s_patience).Message.Value.Should().Be("1");
    }

    [Fact]
    public async Task What_the_broker_refuses_is_told_by_the_delivery_report()
    {
        await using var broker = Broker.CreateInMemory(options => options.AutoCreateTopics = false);
        using var producer = Producer(broker);
        DeliveryReport<string, string>? report = null;
        producer.Produce("nowhere", new Message<string, string> { Value = "1" }, told => report = told);
        producer.Flush(s_patience).Should().Be(0);

        (report!.Error.Code, report.Status).Should().Be((ErrorCode.UnknownTopicOrPart, PersistenceStatus.NotPersisted));
        await FluentActions.Awaiting(() => producer.ProduceAsync("nowhere", new Message<string, string> { Value = "1" })).Should().ThrowAsync<ProduceException<string, string>>();
    }

    [Fact]
    public void A_partitioner_that_is_not_known_is_refused_when_the_producer_is_built() =>
        FluentActions.Invoking(() => new InProcessProducerBuilder<string, string>(Broker.CreateInMemory(), new Dictionary<string, string> { ["partitioner"] = "fnv1a" }).Build())
            .Should().Throw<NotSupportedException>().WithMessage("*'fnv1a'*SetPartitioner*");

    [Fact]
    public async Task Keys_land_where_librdkafka_puts_them()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync("orders", topic => topic.Partitions = 10);
        using var crc = Producer(broker);
        using var murmur = new InProcessProducerBuilder<string, string>(broker, new ProducerConfig { Partitioner = Partitioner.Murmur2Random }).Build();
        using var custom = new InProcessProducerBuilder<string, string>(broker, new ProducerConfig()).SetDefaultPartitioner((_, _, _, _) => 7).Build();

        (await crc.ProduceAsync("orders", new Message<string, string> { Key = "abc", Value = "" })).Partition.Value.Should().Be((int)(0x352441C2u % 10), "CRC-32 of abc is 352441C2");
        (await murmur.ProduceAsync("orders", new Message<string, string> { Key = "abc", Value = "" })).Partition.Value.Should().Be(479470107 % 10);
        (await custom.ProduceAsync("orders", new Message<string, string> { Key = "abc", Value = "" })).Partition.Value.Should().Be(7);
    }

    [Fact]
    public async Task A_consumer_that_is_closed_or_disposed_of_says_so()
    {
        await using var broker = Broker.CreateInMemory();
        var consumer = Consumer(broker, "readers");
        consumer.Close();
        FluentActions.Invoking(() => consumer.Consume(TimeSpan.Zero)).Should().Throw<ObjectDisposedException>();
        consumer.Dispose();
        consumer.Dispose();
        FluentActions.Invoking(consumer.Close).Should().Throw<ObjectDisposedException>();
        var producer = Producer(broker);
        producer.Dispose();
        FluentActions.Invoking(() => producer.Flush(TimeSpan.Zero)).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public async Task Offsets_of_a_member_that_has_lost_its_place_require_an_abort()
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync("orders", topic => topic.Partitions = 2);
        using var producer = Producer(broker, "billing");
        producer.InitTransactions(s_patience);
        using var consumer = Consumer(broker, "billing");
        consumer.Subscribe("orders");
        consumer.Consume(TimeSpan.Zero);
        var stale = consumer.ConsumerGroupMetadata;
        consumer.Unsubscribe();
        producer.BeginTransaction();

        FluentActions.Invoking(() => producer.SendOffsetsToTransaction([new TopicPartitionOffset("orders", 0, 1)], stale, s_patience))
            .Should().Throw<KafkaTxnRequiresAbortException>().Which.Error.Code.Should().Be(ErrorCode.IllegalGeneration);
        producer.AbortTransaction();
    }

    [Fact]
    public async Task Group_metadata_of_another_client_is_refused()
    {
        await using var broker = Broker.CreateInMemory();
        using var producer = Producer(broker, "billing");
        producer.InitTransactions(s_patience);
        producer.BeginTransaction();

        FluentActions.Invoking(() => producer.SendOffsetsToTransaction([], new OtherMetadata(), s_patience)).Should().Throw<ArgumentException>().WithMessage("*ConsumerGroupMetadata*");
    }

    [Fact]
    public async Task An_unknown_topic_is_told_once_and_read_when_it_is_there()
    {
        await using var broker = Broker.CreateInMemory();
        using var consumer = Consumer(broker, "readers");
        consumer.Subscribe("later");
        FluentActions.Invoking(() => consumer.Consume(s_patience)).Should().Throw<ConsumeException>().Which.Error.Code.Should().Be(ErrorCode.UnknownTopicOrPart);
        consumer.Consume(TimeSpan.FromMilliseconds(50)).Should().BeNull();
        using var producer = Producer(broker);
        await producer.ProduceAsync("later", new Message<string, string> { Value = "there" });

        consumer.Consume(s_patience).Message.Value.Should().Be("there");
    }

    [Fact]
    public async Task Delivery_handlers_wait_for_a_poll_when_nobody_polls_in_the_background()
    {
        await using var broker = Broker.CreateInMemory();
        using var producer = new InProcessProducerBuilder<string, string>(broker, new ProducerConfig { EnableBackgroundPoll = false }).Build();
        var thread = 0;
        producer.Produce("orders", new Message<string, string> { Value = "1" }, _ => thread = Environment.CurrentManagedThreadId);
        thread.Should().Be(0);
        producer.Poll(s_patience).Should().Be(1);

        thread.Should().Be(Environment.CurrentManagedThreadId);
    }

    [Fact]
    public async Task A_durable_broker_serves_them_too()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            await using (var broker = await Broker.OpenAsync(folder))
            {
                using var producer = Producer(broker, "checkout");
                producer.InitTransactions(s_patience);
                producer.BeginTransaction();
                for (var order = 0; order < 20; order++)
                    producer.Produce("orders", new Message<string, string> { Value = $"{order}" });
                producer.CommitTransaction(s_patience);
            }
            await using var reopened = await Broker.OpenAsync(folder);
            using var consumer = Consumer(reopened, "readers");
            consumer.Subscribe("orders");
            Enumerable.Range(0, 20).Select(_ => consumer.Consume(s_patience).Message.Value).Should().Equal(Enumerable.Range(0, 20).Select(order => $"{order}"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IProducer<string, string> Producer(Broker broker, string? id = null) => new InProcessProducerBuilder<string, string>(broker, new ProducerConfig { TransactionalId = id }).Build();

    private static IConsumer<string, string> Consumer(Broker broker, string group, bool enableAutoCommit = true) => new InProcessConsumerBuilder<string, string>(
        broker, new ConsumerConfig { GroupId = group, AutoOffsetReset = AutoOffsetReset.Earliest, EnableAutoCommit = enableAutoCommit }).Build();

    private sealed class OtherMetadata : IConsumerGroupMetadata;
}
