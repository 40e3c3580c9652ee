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
            [() => admin.ListGroups(s_patience)] = "use ListConsumerGroupsAsync",
            [() => admin.ListGroup("readers", s_patience)] = "use ListConsumerGroupsAsync",
            [() => admin.DescribeConsumerGroupsAsync(["readers"])] = "ExactlyOnce.Kafka.Endpoint",
            [() => admin.AlterConfigsAsync([])] = "use Broker.Admin.AlterTopicAsync",
            [() => admin.IncrementalAlterConfigsAsync([])] = "use Broker.Admin.AlterTopicAsync",
            [() => admin.DescribeConfigsAsync([])] = "use Broker.Admin.DescribeTopic",
            [() => admin.DeleteConsumerGroupOffsetsAsync("readers", [])] = "use AlterConsumerGroupOffsetsAsync",
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
    public async Task A_commit_whose_acknowledgement_is_lost_is_a_retriable_failure()
    {
        await using var test = TestBroker.Create();
        using var producer = Producer(test.Broker, "checkout");
        producer.InitTransactions(s_patience);
        test.Faults.At(FaultPoint.AfterCommit).LoseAcknowledgementOnce();
        producer.BeginTransaction();
        producer.Produce("orders", new Message<string, string> { Value = "1" });

        FluentActions.Invoking(() => producer.CommitTransaction()).Should().Throw<KafkaException>().Which.Error.Code.Should().Be(ErrorCode.Local_TimedOut);
        test.Committed(Topic.Create("orders", Serdes.Utf8)).Should().ContainSingle();
    }

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

    private static IConsumer<string, string> Consumer(Broker broker, string group) =>
        new InProcessConsumerBuilder<string, string>(broker, new ConsumerConfig { GroupId = group, AutoOffsetReset = AutoOffsetReset.Earliest }).Build();

    private sealed class OtherMetadata : IConsumerGroupMetadata;
}
