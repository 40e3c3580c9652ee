namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

// Within the namespace, so that names which both libraries have mean the client's.
using Confluent.Kafka;
using Confluent.Kafka.Admin;

/// <summary>Transactions and groups, judged by librdkafka, in process.</summary>
public sealed class ConfluentTransactionTests : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly Broker _broker = Broker.CreateInMemory();
    private KafkaEndpoint _endpoint = null!;

    public async Task InitializeAsync()
    {
        _endpoint = await KafkaEndpoint.StartAsync(_broker, new KafkaEndpointOptions { Port = 0 });
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _endpoint.BootstrapServers }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = "in", NumPartitions = 4 }, new TopicSpecification { Name = "out", NumPartitions = 2 }]);
    }

    public async Task DisposeAsync()
    {
        await _endpoint.DisposeAsync();
        await _broker.DisposeAsync();
    }

    [Fact]
    public void What_is_consumed_transformed_and_produced_in_transactions_comes_out_once()
    {
        const int Count = 400;
        Fill("in", Count);
        using var producer = Transactional("transform");
        producer.InitTransactions(s_patience);
        using (var consumer = Subscribed("transformers", "in"))
        {
            var done = 0;
            for (var round = 0; done < Count; round++)
            {
                var batch = Take(consumer, 50);
                producer.BeginTransaction();
                foreach (var record in batch)
                    producer.Produce("out", new Message<string, string> { Key = record.Message.Key, Value = $"{record.Message.Value}!" });
                var next = batch.GroupBy(record => record.TopicPartition).Select(partition => new TopicPartitionOffset(partition.Key, partition.Max(record => record.Offset.Value) + 1)).ToList();
                producer.SendOffsetsToTransaction(next, consumer.ConsumerGroupMetadata, s_patience);
                if (round % 3 == 1)
                {
                    producer.AbortTransaction(s_patience);
                    foreach (var first in batch.GroupBy(record => record.TopicPartition).Select(partition => partition.MinBy(record => record.Offset.Value)!))
                        consumer.Seek(first.TopicPartitionOffset);
                    continue;
                }
                producer.CommitTransaction(s_patience);
                done += batch.Count;
            }
            consumer.Committed(Enumerable.Range(0, 4).Select(partition => new TopicPartition("in", partition)).ToList(), s_patience)
                .Sum(offset => offset.Offset.Value).Should().BeGreaterThanOrEqualTo(Count);
        }

        using var reader = Subscribed("readers", "out");
        Take(reader, Count).Select(record => record.Message.Value).Should().BeEquivalentTo(Enumerable.Range(0, Count).Select(number => $"{number}!"));
        reader.Consume(TimeSpan.FromMilliseconds(500)).Should().BeNull();
    }

    [Fact]
    public void A_zombie_producer_is_fenced()
    {
        using var zombie = Transactional("one");
        zombie.InitTransactions(s_patience);
        zombie.BeginTransaction();
        zombie.Produce("out", new Message<string, string> { Key = "k", Value = "zombie" });
        zombie.Flush(s_patience);
        using var successor = Transactional("one");
        successor.InitTransactions(s_patience);
        successor.BeginTransaction();
        successor.Produce("out", new Message<string, string> { Key = "k", Value = "successor" });
        successor.CommitTransaction(s_patience);

        FluentActions.Invoking(() => zombie.CommitTransaction(s_patience)).Should().Throw<KafkaException>().Which.Error.Code.Should().Be(ErrorCode.Local_Fenced);

        using var reader = Subscribed("readers", "out");
        Take(reader, 1).Single().Message.Value.Should().Be("successor");
    }

    [Fact]
    public async Task Our_own_client_fences_an_unmodified_one()
    {
        using var zombie = Transactional("one");
        zombie.InitTransactions(s_patience);
        zombie.BeginTransaction();
        zombie.Produce("out", new Message<string, string> { Key = "k", Value = "zombie" });
        zombie.Flush(s_patience);

        await using var own = await _broker.CreateTransactionalProducerAsync("one");
        await own.InTransactionAsync((transaction, ct) => transaction.SendAsync(ExactlyOnce.Topic.Create("out", Serdes.Utf8, Serdes.Utf8), "k", "own", ct).AsTask());

        FluentActions.Invoking(() => zombie.CommitTransaction(s_patience)).Should().Throw<KafkaException>().Which.Error.Code.Should().Be(ErrorCode.Local_Fenced);
        using var reader = Subscribed("readers", "out");
        Take(reader, 1).Single().Message.Value.Should().Be("own");
    }

    [Theory]
    [InlineData(PartitionAssignmentStrategy.Range)]
    [InlineData(PartitionAssignmentStrategy.CooperativeSticky)]
    public void Members_share_the_partitions_and_take_over_from_one_that_leaves(PartitionAssignmentStrategy strategy)
    {
        Fill("in", 100);
        using var first = Subscribed("group", "in", config => config.PartitionAssignmentStrategy = strategy);
        var second = Subscribed("group", "in", config => config.PartitionAssignmentStrategy = strategy);
        var values = new HashSet<string>();
        PollUntil(() => first.Assignment.Count == 2 && second.Assignment.Count == 2, values, first, second);
        second.Close();
        second.Dispose();
        PollUntil(() => first.Assignment.Count == 4, values, first);

        Fill("in", 200, from: 100);
        PollUntil(() => values.Count == 200, values, first);
    }

    [Fact]
    public void Members_share_the_partitions_by_the_new_protocol_too()
    {
        Fill("in", 100);
        using var first = Subscribed("group", "in", ByHeartbeat);
        var second = Subscribed("group", "in", ByHeartbeat);
        var values = new HashSet<string>();
        PollUntil(() => first.Assignment.Count == 2 && second.Assignment.Count == 2, values, first, second);
        second.Close();
        second.Dispose();
        PollUntil(() => first.Assignment.Count == 4, values, first);

        Fill("in", 200, from: 100);
        PollUntil(() => values.Count == 200, values, first);
        first.Commit();
        first.Committed(Enumerable.Range(0, 4).Select(partition => new TopicPartition("in", partition)).ToList(), s_patience).Sum(offset => offset.Offset.Value).Should().BeGreaterThan(0);
    }

    [Fact]
    public async Task Tools_see_groups_and_their_offsets_and_delete_them()
    {
        Fill("in", 40);
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _endpoint.BootstrapServers }).Build();
        using (var member = Subscribed("group", "in"))
        {
            Take(member, 40);
            member.Commit();
            (await admin.ListConsumerGroupsAsync()).Valid.Should().ContainSingle().Which.Should().Match<ConsumerGroupListing>(
                group => group.GroupId == "group" && group.State == ConsumerGroupState.Stable);
            var described = (await admin.DescribeConsumerGroupsAsync(["group"])).ConsumerGroupDescriptions.Single();
            described.Members.Single().Assignment.TopicPartitions.Should().HaveCount(4);
            described.PartitionAssignor.Should().Be("range");
            await FluentActions.Awaiting(() => admin.DeleteGroupsAsync(["group"])).Should().ThrowAsync<DeleteGroupsException>();
            member.Close();
        }
        (await admin.ListConsumerGroupOffsetsAsync([new ConsumerGroupTopicPartitions("group", null)])).Single().Partitions.Sum(offset => offset.Offset.Value).Should().BeGreaterThanOrEqualTo(40);
        await admin.AlterConsumerGroupOffsetsAsync([new ConsumerGroupTopicPartitionOffsets("group", [new TopicPartitionOffset("in", 0, 3)])]);
        (await admin.ListConsumerGroupOffsetsAsync([new ConsumerGroupTopicPartitions("group", [new TopicPartition("in", 0)])])).Single().Partitions.Single().Offset.Value.Should().Be(3);
        await admin.DeleteConsumerGroupOffsetsAsync("group", [new TopicPartition("in", 0)]);
        await admin.DeleteGroupsAsync(["group"]);
        (await admin.ListConsumerGroupsAsync()).Valid.Should().BeEmpty();
    }

    [Fact]
    public void A_transaction_that_is_too_slow_is_aborted_and_its_producer_fenced()
    {
        using var slow = Transactional("slow", timeoutMs: 2_000);
        slow.InitTransactions(s_patience);
        slow.BeginTransaction();
        slow.Produce("out", new Message<string, string> { Key = "k", Value = "late" });
        slow.Flush(s_patience);
        using var reader = Subscribed("readers", "out");
        using var other = Transactional("other");
        other.InitTransactions(s_patience);
        other.BeginTransaction();
        other.Produce("out", new Message<string, string> { Key = "k", Value = "in time" });
        other.CommitTransaction(s_patience);

        // Behind the slow one's record in the same partition: it comes when that one has timed out.
        Take(reader, 1).Single().Message.Value.Should().Be("in time");
        FluentActions.Invoking(() => slow.CommitTransaction(s_patience)).Should().Throw<KafkaException>();
    }

    [Fact]
    public void A_static_member_comes_back_without_a_rebalance()
    {
        var rebalances = 0;
        using var other = Subscribed("group", "in", config => config.GroupInstanceId = "a", () => rebalances++);
        var member = Subscribed("group", "in", config => config.GroupInstanceId = "b");
        PollUntil(() => other.Assignment.Count == 2 && member.Assignment.Count == 2, [], other, member);
        var before = (rebalances, Assignment: member.Assignment.ToHashSet());
        member.Dispose();

        member = Subscribed("group", "in", config => config.GroupInstanceId = "b");
        PollUntil(() => member.Assignment.Count == 2, [], member, other);

        member.Assignment.Should().BeEquivalentTo(before.Assignment);
        rebalances.Should().Be(before.rebalances);
        member.Dispose();
    }

    [Fact]
    public void A_consumer_goes_on_where_its_group_committed()
    {
        Fill("in", 40);
        using (var first = Subscribed("group", "in"))
        {
            Take(first, 40);
            first.Commit();
            first.Close();
        }
        Fill("in", 50, from: 40);

        using var second = Subscribed("group", "in");
        Take(second, 10).Select(record => record.Message.Value).Should().BeEquivalentTo(Enumerable.Range(40, 10).Select(number => $"{number}"));
    }

    private void Fill(string topic, int to, int from = 0)
    {
        using var producer = new ProducerBuilder<string, string>(new ProducerConfig { BootstrapServers = _endpoint.BootstrapServers, EnableIdempotence = true }).Build();
        for (var i = from; i < to; i++)
            producer.Produce(topic, new Message<string, string> { Key = $"{i}", Value = $"{i}" });
        producer.Flush(s_patience);
    }

    private static void ByHeartbeat(ConsumerConfig config)
    {
        config.GroupProtocol = GroupProtocol.Consumer;
        config.SessionTimeoutMs = null;
        config.HeartbeatIntervalMs = null;
    }

    private IProducer<string, string> Transactional(string id, int timeoutMs = 10_000) => new ProducerBuilder<string, string>(
        new ProducerConfig { BootstrapServers = _endpoint.BootstrapServers, TransactionalId = id, TransactionTimeoutMs = timeoutMs }).Build();

    private IConsumer<string, string> Subscribed(string group, string topic, Action<ConsumerConfig>? configure = null, Action? rebalanced = null)
    {
        var config = new ConsumerConfig
        {
            BootstrapServers = _endpoint.BootstrapServers,
            GroupId = group,
            EnableAutoCommit = false,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            IsolationLevel = Confluent.Kafka.IsolationLevel.ReadCommitted,
            SessionTimeoutMs = 6_000,
            HeartbeatIntervalMs = 300,
        };
        configure?.Invoke(config);
        var builder = new ConsumerBuilder<string, string>(config);
        if (rebalanced is not null)
            builder.SetPartitionsRevokedHandler((_, _) => rebalanced());
        var consumer = builder.Build();
        consumer.Subscribe(topic);
        return consumer;
    }

    private static List<ConsumeResult<string, string>> Take(IConsumer<string, string> consumer, int count)
    {
        var records = new List<ConsumeResult<string, string>>();
        while (records.Count < count && consumer.Consume(s_patience) is { } record)
            records.Add(record);
        records.Should().HaveCount(count);
        return records;
    }

    private static void PollUntil(Func<bool> isReached, HashSet<string> values, params IConsumer<string, string>[] consumers)
    {
        var deadline = DateTime.UtcNow + s_patience;
        while (!isReached())
        {
            DateTime.UtcNow.Should().BeBefore(deadline);
            foreach (var consumer in consumers)
                if (consumer.Consume(TimeSpan.FromMilliseconds(20)) is { } record)
                    values.Add(record.Message.Value);
        }
    }
}
