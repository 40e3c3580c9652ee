namespace ExactlyOnce.Confluent.Tests;

using global::Confluent.Kafka;
using global::Confluent.Kafka.Admin;

/// <summary>Topics, groups and configurations, as the admin client shows and changes them.</summary>
public abstract partial class ConfluentConformance
{
    [Fact]
    public async Task Topics_are_created_described_grown_and_deleted()
    {
        using var admin = Admin();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = "made", NumPartitions = 2 }]);
        admin.GetMetadata("made", Patience).Topics.Should().ContainSingle().Which.Partitions.Should().HaveCount(2);
        (await FluentActions.Awaiting(() => admin.CreateTopicsAsync([new TopicSpecification { Name = "made", NumPartitions = 2 }])).Should().ThrowAsync<CreateTopicsException>())
            .Which.Results.Should().ContainSingle().Which.Error.Code.Should().Be(ErrorCode.TopicAlreadyExists);
        await admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = "made", IncreaseTo = 3 }]);
        admin.GetMetadata(Patience).Topics.Should().Contain(topic => topic.Topic == "made" && topic.Partitions.Count == 3);
        await admin.DeleteTopicsAsync(["made"]);

        (await FluentActions.Awaiting(() => admin.DeleteTopicsAsync(["made"])).Should().ThrowAsync<DeleteTopicsException>())
            .Which.Results.Should().ContainSingle().Which.Error.Code.Should().Be(ErrorCode.UnknownTopicOrPart);
    }

    [Fact]
    public async Task Records_and_a_groups_offsets_are_administered()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 5);
        using var admin = Admin();
        var deleted = await admin.DeleteRecordsAsync([new TopicPartitionOffset("orders", 0, 2)]);
        deleted.Should().ContainSingle().Which.Offset.Value.Should().Be(2);
        await admin.AlterConsumerGroupOffsetsAsync([new ConsumerGroupTopicPartitionOffsets("readers", [new TopicPartitionOffset("orders", 0, 4)])]);
        (await admin.ListConsumerGroupsAsync()).Valid.Should().Contain(group => group.GroupId == "readers");
        (await admin.ListConsumerGroupOffsetsAsync([new ConsumerGroupTopicPartitions("readers", [new TopicPartition("orders", 0)])]))
            .Single().Partitions.Single().Offset.Value.Should().Be(4);

        using var consumer = Subscribed("readers", "orders");
        consumer.Consume(Patience).Offset.Value.Should().Be(4);
    }

    [Fact]
    public async Task A_group_is_listed_and_described_with_its_members_and_what_they_hold()
    {
        await CreateTopicAsync("orders", 2);
        using var admin = Admin();
        using (var consumer = Subscribed("readers", "orders", config => config.PartitionAssignmentStrategy = PartitionAssignmentStrategy.Range, waitForAssignment: true))
        {
            var listed = (await admin.ListConsumerGroupsAsync()).Valid.Should().ContainSingle(group => group.GroupId == "readers").Which;
            (listed.State, listed.IsSimpleConsumerGroup).Should().Be((ConsumerGroupState.Stable, false));
            var described = (await admin.DescribeConsumerGroupsAsync(["readers"])).ConsumerGroupDescriptions.Should().ContainSingle().Which;
            (described.GroupId, described.State, described.PartitionAssignor, described.Error.IsError).Should().Be(("readers", ConsumerGroupState.Stable, "range", false));
            var member = described.Members.Should().ContainSingle().Which;
            member.ConsumerId.Should().Be(consumer.MemberId);
            member.Assignment.TopicPartitions.Should().BeEquivalentTo([new TopicPartition("orders", 0), new TopicPartition("orders", 1)]);
            consumer.Close();
        }

        (await admin.ListConsumerGroupsAsync(new ListConsumerGroupsOptions { MatchStates = [ConsumerGroupState.Stable] })).Valid.Should().NotContain(group => group.GroupId == "readers");
        var unknown = (await admin.DescribeConsumerGroupsAsync(["nobody"])).ConsumerGroupDescriptions.Should().ContainSingle().Which;
        unknown.State.Should().Be(ConsumerGroupState.Dead);
        unknown.Members.Should().BeEmpty();
    }

    [Fact]
    public async Task The_older_calls_list_groups_too()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 1);
        using var admin = Admin();
        using var consumer = Subscribed("readers", "orders");
        Take(consumer, 1);
        consumer.Commit();

        admin.ListGroups(Patience).Should().ContainSingle(group => group.Group == "readers");
        admin.ListGroup("readers", Patience).Error.IsError.Should().BeFalse();
    }

    [Fact]
    public async Task Offsets_of_a_group_are_deleted_and_those_of_one_with_members_are_left_alone()
    {
        await CreateTopicAsync("orders", 1);
        await FillAsync("orders", 3);
        using var admin = Admin();
        var partition = new TopicPartition("orders", 0);
        await admin.AlterConsumerGroupOffsetsAsync([new ConsumerGroupTopicPartitionOffsets("readers", [new TopicPartitionOffset(partition, 2)])]);
        (await admin.DeleteConsumerGroupOffsetsAsync("readers", [partition])).Partitions.Should().Equal(partition);
        using var consumer = Subscribed("readers", "orders", config => config.EnableAutoCommit = false);
        consumer.Consume(Patience).Offset.Value.Should().Be(0, "nothing is committed any more");
        consumer.Commit();

        (await FluentActions.Awaiting(() => admin.DeleteConsumerGroupOffsetsAsync("readers", [partition])).Should().ThrowAsync<DeleteConsumerGroupOffsetsException>())
            .Which.Result.Partitions.Should().ContainSingle().Which.Error.Code.Should().Be(ErrorCode.GroupSubscribedToTopic);
        (await FluentActions.Awaiting(() => admin.AlterConsumerGroupOffsetsAsync([new ConsumerGroupTopicPartitionOffsets("readers", [new TopicPartitionOffset(partition, 0)])]))
            .Should().ThrowAsync<AlterConsumerGroupOffsetsException>()).Which.Results.Single().Partitions.Single().Error.Code.Should().Be(ErrorCode.UnknownMemberId);
        (await FluentActions.Awaiting(() => admin.DeleteGroupsAsync(["readers"])).Should().ThrowAsync<DeleteGroupsException>())
            .Which.Results.Single().Error.Code.Should().Be(ErrorCode.NonEmptyGroup);
        consumer.Committed([partition], Patience).Single().Offset.Value.Should().Be(1);
    }

    [Fact]
    public async Task Configurations_of_a_topic_are_described_changed_and_replaced()
    {
        await CreateTopicAsync("orders", 1, ("retention.ms", "60000"));
        using var admin = Admin();
        var topic = new ConfigResource { Type = ResourceType.Topic, Name = "orders" };
        var created = await DescribeAsync();
        (created["retention.ms"].Value, created["retention.ms"].IsDefault, created["retention.ms"].Source).Should().Be(("60000", false, ConfigSource.DynamicTopicConfig));
        (created["cleanup.policy"].Value, created["cleanup.policy"].IsDefault, created["cleanup.policy"].Source).Should().Be(("delete", true, ConfigSource.DefaultConfig));

        await admin.IncrementalAlterConfigsAsync(new()
        {
            [topic] =
            [
                new ConfigEntry { Name = "retention.ms", IncrementalOperation = AlterConfigOpType.Delete },
                new ConfigEntry { Name = "max.message.bytes", Value = "5000", IncrementalOperation = AlterConfigOpType.Set },
                new ConfigEntry { Name = "cleanup.policy", Value = "compact", IncrementalOperation = AlterConfigOpType.Append },
            ],
        });
        var changed = await DescribeAsync();
        changed["retention.ms"].IsDefault.Should().BeTrue();
        changed["max.message.bytes"].Value.Should().Be("5000");
        changed["cleanup.policy"].Value.Split(',').Should().BeEquivalentTo("compact", "delete");

        await admin.AlterConfigsAsync(new() { [topic] = [new ConfigEntry { Name = "segment.bytes", Value = "1048576" }] });
        var replaced = await DescribeAsync();
        replaced["segment.bytes"].Value.Should().Be("1048576");
        replaced["max.message.bytes"].IsDefault.Should().BeTrue("what is not named has its default back");

        async Task<Dictionary<string, ConfigEntryResult>> DescribeAsync()
        {
            var result = (await admin.DescribeConfigsAsync([topic])).Should().ContainSingle().Which;
            result.ConfigResource.Name.Should().Be("orders");
            return result.Entries;
        }
    }

    [Fact]
    public async Task A_configuration_that_cannot_be_is_refused()
    {
        await CreateTopicAsync("orders", 1);
        using var admin = Admin();
        var orders = new ConfigResource { Type = ResourceType.Topic, Name = "orders" };
        var nothing = new ConfigResource { Type = ResourceType.Topic, Name = "nothing" };

        (await FluentActions.Awaiting(() => admin.IncrementalAlterConfigsAsync(new() { [orders] = [new ConfigEntry { Name = "retention.ms", Value = "soon" }] }))
            .Should().ThrowAsync<IncrementalAlterConfigsException>()).Which.Results.Single().Error.Code.Should().Be(ErrorCode.InvalidConfig);
        (await FluentActions.Awaiting(() => admin.AlterConfigsAsync(new() { [orders] = [new ConfigEntry { Name = "no.such.thing", Value = "1" }] }))
            .Should().ThrowAsync<AlterConfigsException>()).Which.Results.Single().Error.Code.Should().Be(ErrorCode.InvalidConfig);
        (await FluentActions.Awaiting(() => admin.DescribeConfigsAsync([nothing])).Should().ThrowAsync<DescribeConfigsException>())
            .Which.Results.Single().Error.Code.Should().Be(ErrorCode.UnknownTopicOrPart);
        (await FluentActions.Awaiting(() => admin.CreateTopicsAsync([new TopicSpecification { Name = "odd", NumPartitions = 1, Configs = new() { ["cleanup.policy"] = "burn" } }]))
            .Should().ThrowAsync<CreateTopicsException>()).Which.Results.Single().Error.Code.Should().Be(ErrorCode.InvalidConfig);
    }
}
