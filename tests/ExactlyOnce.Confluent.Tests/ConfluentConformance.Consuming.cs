namespace ExactlyOnce.Confluent.Tests;

using global::Confluent.Kafka;

/// <summary>Blocking calls, positions, groups.</summary>
public abstract partial class ConfluentConformance
{
    [Fact]
    public async Task Consume_waits_for_a_record_and_gives_up_after_its_time()
    {
        await CreateTopicAsync("orders", 1);
        using var producer = Producer();
        using var consumer = Subscribed("readers", "orders");
        consumer.Consume(s_moment).Should().BeNull();
        var consuming = Task.Run(() => consumer.Consume(Patience));
        await producer.ProduceAsync("orders", new Message<string, string> { Value = "late" });

        (await consuming).Message.Value.Should().Be("late");
    }

    [Fact]
    public async Task Consume_ends_with_its_token()
    {
        await CreateTopicAsync("orders", 1);
        using var consumer = Subscribed("readers", "orders");
        using var cancellation = new CancellationTokenSource();
        var consuming = Task.Run(() => consumer.Consume(cancellation.Token));
        await cancellation.CancelAsync();

        await FluentActions.Awaiting(() => consuming).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task A_group_goes_on_behind_what_it_committed()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 6);
        using (var first = Subscribed("readers", "orders", config => config.EnableAutoCommit = false))
        {
            var records = Take(first, 4);
            first.Commit(records[1]);
            first.Close();
        }
        using (var second = Subscribed("readers", "orders", config => config.EnableAutoCommit = false))
        {
            var records = Take(second, 2);
            records[0].Offset.Value.Should().Be(2);
            second.Commit().Should().ContainSingle().Which.Offset.Value.Should().Be(4);
            second.Committed([new TopicPartition("orders", 0)], Patience).Should().ContainSingle().Which.Offset.Value.Should().Be(4);
            second.Close();
        }
        using var third = Subscribed("readers", "orders");
        third.Consume(Patience).Offset.Value.Should().Be(4);
    }

    [Fact]
    public async Task What_was_consumed_is_committed_by_itself_when_the_consumer_closes()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 3);
        using (var first = Subscribed("readers", "orders"))
        {
            Take(first, 2);
            first.Close();
        }
        using var second = Subscribed("readers", "orders");
        second.Consume(Patience).Offset.Value.Should().Be(2);
    }

    [Fact]
    public async Task Only_stored_offsets_are_committed_when_the_application_stores_them()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 3);
        using (var first = Subscribed("readers", "orders", config => config.EnableAutoOffsetStore = false))
        {
            var records = Take(first, 3);
            first.StoreOffset(records[0]);
            first.Close();
        }
        using var second = Subscribed("readers", "orders");
        second.Consume(Patience).Offset.Value.Should().Be(1);
    }

    [Fact]
    public async Task A_commit_without_anything_to_commit_is_refused()
    {
        await CreateTopicAsync("orders", 1);
        using var consumer = Subscribed("readers", "orders", config => config.EnableAutoCommit = false);
        consumer.Consume(s_moment);

        FluentActions.Invoking(() => consumer.Commit()).Should().Throw<KafkaException>().Which.Error.Code.Should().Be(ErrorCode.Local_NoOffset);
    }

    [Fact]
    public async Task Without_a_committed_offset_the_reset_decides()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 2);
        using var latest = Subscribed("latest", "orders", config => config.AutoOffsetReset = AutoOffsetReset.Latest, waitForAssignment: true);
        await FillAsync("orders", 1);

        latest.Consume(Patience).Offset.Value.Should().Be(2);
    }

    [Fact]
    public async Task Partitions_are_assigned_to_seek_pause_and_resume()
    {
        await CreateTopicAsync("orders", 2);
        await FillAsync("orders", 3, partition: 0);
        await FillAsync("orders", 3, partition: 1);
        using var consumer = Consumer("assigner");
        var partition = new TopicPartition("orders", 1);
        consumer.Assign(new TopicPartitionOffset(partition, 1));

        Take(consumer, 2).Select(record => record.Offset.Value).Should().Equal(1, 2);
        consumer.Position(partition).Value.Should().Be(3);
        consumer.Seek(new TopicPartitionOffset(partition, 0));
        consumer.Consume(Patience).Offset.Value.Should().Be(0);
        consumer.Pause([partition]);
        consumer.Consume(s_moment).Should().BeNull();
        consumer.Resume([partition]);
        consumer.Consume(Patience).Offset.Value.Should().Be(1);
        consumer.Assignment.Should().Equal(partition);
        consumer.Unassign();
        consumer.Assignment.Should().BeEmpty();
        FluentActions.Invoking(() => consumer.Pause([partition])).Should().NotThrow<ObjectDisposedException>();
    }

    [Fact]
    public async Task Watermarks_and_times_are_looked_up()
    {
        await CreateTopicAsync("orders", 1);
        using var producer = Producer();
        for (var day = 1; day <= 3; day++)
            await producer.ProduceAsync("orders", new Message<string, string> { Value = $"{day}", Timestamp = new Timestamp(new DateTime(2026, 1, day, 0, 0, 0, DateTimeKind.Utc)) });
        using var consumer = Consumer("looker");
        var partition = new TopicPartition("orders", 0);

        var marks = consumer.QueryWatermarkOffsets(partition, Patience);
        (marks.Low.Value, marks.High.Value).Should().Be((0, 3));
        Find(new DateTime(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc)).Should().Be(new Offset(1));
        Find(new DateTime(2026, 2, 1, 0, 0, 0, DateTimeKind.Utc)).Should().Be(Offset.End);

        Offset Find(DateTime time) => consumer.OffsetsForTimes([new TopicPartitionTimestamp(partition, new Timestamp(time))], Patience).Should().ContainSingle().Which.Offset;
    }

    [Fact]
    public async Task The_end_of_a_partition_is_told_when_that_is_asked_for()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 1);
        using var consumer = Subscribed("readers", "orders", config => config.EnablePartitionEof = true);
        consumer.Consume(Patience).IsPartitionEOF.Should().BeFalse();
        var end = consumer.Consume(Patience);

        end.IsPartitionEOF.Should().BeTrue();
        end.Offset.Value.Should().Be(1);
        consumer.Consume(s_moment).Should().BeNull();
    }

    [Theory]
    [InlineData(PartitionAssignmentStrategy.Range)]
    [InlineData(PartitionAssignmentStrategy.CooperativeSticky)]
    public async Task Rebalance_handlers_are_told_what_comes_and_goes(PartitionAssignmentStrategy strategy)
    {
        await CreateTopicAsync("orders", 2);
        var told = new List<string>();
        using var first = Subscribed("readers", "orders", config => config.PartitionAssignmentStrategy = strategy, told: told, waitForAssignment: true);
        told.Should().Equal("+0,1");
        using var second = Subscribed("readers", "orders", config => config.PartitionAssignmentStrategy = strategy);
        var deadline = DateTime.UtcNow + Patience;
        while (DateTime.UtcNow < deadline && !(first.Assignment.Count == 1 && second.Assignment.Count == 1))
        {
            first.Consume(TimeSpan.FromMilliseconds(50));
            second.Consume(TimeSpan.FromMilliseconds(50));
        }

        first.Assignment.Should().ContainSingle();
        second.Assignment.Should().ContainSingle();
        told.Should().Contain(strategy == PartitionAssignmentStrategy.Range ? "-0,1" : $"-{second.Assignment[0].Partition.Value}");
        // The real client may never come back from Dispose while its group is about to change, unless it was closed.
        second.Close();
        first.Close();
    }

    [Fact]
    public async Task A_topic_that_is_missing_does_not_keep_the_others_from_being_read()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 1);
        using var consumer = Consumer("readers");
        consumer.Subscribe(["orders", "missing"]);

        ConsumeResult<string, string>? record = null;
        for (var deadline = DateTime.UtcNow + Patience; record is null && DateTime.UtcNow < deadline;)
        {
            try
            {
                record = consumer.Consume(TimeSpan.FromMilliseconds(200));
            }
            catch (ConsumeException exception)
            {
                exception.Error.Code.Should().Be(ErrorCode.UnknownTopicOrPart);
            }
        }

        record!.Topic.Should().Be("orders");
    }

    [Fact]
    public async Task A_handler_may_say_where_to_begin()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 4);
        var builder = ConsumerBuilder("readers", null);
        builder.SetPartitionsAssignedHandler((_, partitions) => partitions.Select(partition => new TopicPartitionOffset(partition, 3)));
        using var consumer = builder.Build();
        consumer.Subscribe("orders");

        consumer.Consume(Patience).Offset.Value.Should().Be(3);
    }

    [Fact]
    public async Task Closing_revokes_what_was_assigned()
    {
        await CreateTopicAsync("orders", 2);
        var told = new List<string>();
        using var consumer = Subscribed("readers", "orders", told: told, waitForAssignment: true);
        consumer.Close();

        told.Should().Equal("+0,1", "-0,1");
    }
}
