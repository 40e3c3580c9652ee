using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

public sealed class TopicAdminTests : EndpointTest
{
    private const sbyte OfTopic = 2;
    private const sbyte OfBroker = 4;

    [Fact]
    public async Task A_topic_is_created_with_what_was_asked_for()
    {
        var created = await CreateAsync(new CreateTopicsRequest.Topic
        {
            Name = "t",
            NumPartitions = 4,
            ReplicationFactor = 1,
            Configs = [new() { Name = "retention.ms", Value = "1000" }, new() { Name = "cleanup.policy", Value = "compact,delete" }, new() { Name = "flush.ms", Value = "5" }],
        });

        created.Should().BeEquivalentTo(new { Name = "t", ErrorCode = KafkaError.None, NumPartitions = 4, ReplicationFactor = (short)1 });
        created.Configs!.Single(config => config.Name == "retention.ms").Should().BeEquivalentTo(new { Value = "1000", ConfigSource = (sbyte)1 });
        created.Configs!.Single(config => config.Name == "segment.bytes").ConfigSource.Should().Be(5);
        var topic = Broker.Admin.DescribeTopic("t")!;
        topic.Id.Should().Be(created.TopicId).And.NotBe(Guid.Empty);
        topic.Options.RetainFor.Should().Be(TimeSpan.FromSeconds(1));
        topic.Options.Cleanup.Should().Be(CleanupPolicy.Compact | CleanupPolicy.Delete);
    }

    public static TheoryData<string, string, int, short, string?> Refused => new()
    {
        { nameof(KafkaError.InvalidTopicException), "a b", 1, 1, null },
        { nameof(KafkaError.InvalidTopicException), "..", 1, 1, null },
        { nameof(KafkaError.TopicAlreadyExists), "there", 1, 1, null },
        { nameof(KafkaError.InvalidPartitions), "t", 0, 1, null },
        { nameof(KafkaError.InvalidReplicationFactor), "t", 1, 0, null },
        { nameof(KafkaError.InvalidConfig), "t", 1, 1, "no.such.thing=1" },
        { nameof(KafkaError.InvalidConfig), "t", 1, 1, "retention.ms=soon" },
        { nameof(KafkaError.InvalidConfig), "t", 1, 1, "segment.bytes=1" },
    };

    [Theory, MemberData(nameof(Refused))]
    public async Task What_cannot_be_created_is_refused_with_its_reason(string error, string name, int partitions, short replicas, string? config)
    {
        await Broker.Admin.CreateTopicAsync("there");
        var asked = new CreateTopicsRequest.Topic { Name = name, NumPartitions = partitions, ReplicationFactor = replicas };
        if (config?.Split('=') is [var key, var value])
            asked.Configs = [new() { Name = key, Value = value }];

        var answer = await CreateAsync(asked);

        answer.ErrorCode.ToString().Should().Be(error);
        answer.ErrorMessage.Should().NotBeNullOrEmpty();
        Broker.Admin.ListTopics().Should().ContainSingle(topic => !topic.IsInternal);
    }

    [Fact]
    public async Task A_topic_named_twice_is_refused_both_times_and_a_trial_creates_nothing()
    {
        var twice = new CreateTopicsRequest.Topic { Name = "t", NumPartitions = 1, ReplicationFactor = 1 };
        var answer = await Connect().CallAsync<CreateTopicsResponse>(7, new CreateTopicsRequest { Topics = [twice, twice] });
        var trial = await Connect().CallAsync<CreateTopicsResponse>(7, new CreateTopicsRequest { Topics = [twice], ValidateOnly = true });

        answer.Topics.Select(topic => topic.ErrorCode).Should().Equal(KafkaError.InvalidRequest, KafkaError.InvalidRequest);
        trial.Topics.Single().ErrorCode.Should().Be(KafkaError.None);
        Broker.Admin.DescribeTopic("t").Should().BeNull();
    }

    [Fact]
    public async Task A_trial_is_refused_where_the_real_thing_would_be()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        foreach (var isTrial in new[] { true, false })
        {
            var created = await client.CallAsync<CreateTopicsResponse>(5, new CreateTopicsRequest
            {
                ValidateOnly = isTrial,
                Topics =
                [
                    new() { Name = "a", NumPartitions = 100_001, ReplicationFactor = 1 },
                    new() { Name = "b", NumPartitions = 1, ReplicationFactor = 1, Configs = [new() { Name = "segment.bytes", Value = "1" }] },
                ],
            });
            var grown = await client.CallAsync<CreatePartitionsResponse>(2, new CreatePartitionsRequest { ValidateOnly = isTrial, Topics = [new() { Name = "t", Count = 100_001 }] });
            var changed = await client.CallAsync<AlterConfigsResponse>(2, new AlterConfigsRequest
            {
                ValidateOnly = isTrial,
                Resources = [new() { ResourceType = OfTopic, ResourceName = "t", Configs = [new() { Name = "max.message.bytes", Value = "1" }] }],
            });

            created.Topics.Select(topic => topic.ErrorCode).Should().Equal(KafkaError.InvalidConfig, KafkaError.InvalidConfig);
            grown.Results.Single().ErrorCode.Should().Be(KafkaError.InvalidPartitions);
            changed.Responses.Single().ErrorCode.Should().Be(KafkaError.InvalidConfig);
        }
    }

    [Fact]
    public async Task A_topic_is_deleted_by_name_or_by_id_and_only_one_that_exists()
    {
        await Broker.Admin.CreateTopicAsync("named");
        var other = await Broker.Admin.CreateTopicAsync("known");
        var client = Connect();

        var byName = await client.CallAsync<DeleteTopicsResponse>(4, new DeleteTopicsRequest { TopicNames = ["named", "nowhere"] });
        var byId = await client.CallAsync<DeleteTopicsResponse>(6, new DeleteTopicsRequest { Topics = [new() { TopicId = other.Id }, new() { TopicId = other.Id }] });

        byName.Responses.Select(topic => topic.ErrorCode).Should().Equal(KafkaError.None, KafkaError.UnknownTopicOrPartition);
        byId.Responses.Select(topic => (topic.Name, topic.ErrorCode)).Should().Equal(("known", KafkaError.None), (null, KafkaError.UnknownTopicId));
        Broker.Admin.ListTopics().Where(topic => !topic.IsInternal).Should().BeEmpty();
    }

    [Fact]
    public async Task Partitions_grow_and_never_shrink()
    {
        await Broker.Admin.CreateTopicAsync("t", options => options.Partitions = 2);
        var client = Connect();
        async Task<KafkaError> GrowAsync(int count) =>
            (await client.CallAsync<CreatePartitionsResponse>(3, new CreatePartitionsRequest { Topics = [new() { Name = "t", Count = count }] })).Results.Single().ErrorCode;

        (await GrowAsync(2)).Should().Be(KafkaError.InvalidPartitions);
        (await GrowAsync(5)).Should().Be(KafkaError.None);
        (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of("a"), partition: 4))).Only().ErrorCode.Should().Be(KafkaError.None);
    }

    [Fact]
    public async Task Records_are_deleted_in_front_of_an_offset()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of("a", "b", "c")));
        async Task<DeleteRecordsResponse.Partition> DeleteAsync(long offset) =>
            (await client.CallAsync<DeleteRecordsResponse>(2, new DeleteRecordsRequest { Topics = [new() { Name = "t", Partitions = [new() { Offset = offset }] }] })).Topics.Single().Partitions.Single();

        (await DeleteAsync(4)).ErrorCode.Should().Be(KafkaError.OffsetOutOfRange);
        (await DeleteAsync(2)).Should().BeEquivalentTo(new { ErrorCode = KafkaError.None, LowWatermark = 2L });
        (await DeleteAsync(-1)).LowWatermark.Should().Be(3);
    }

    [Fact]
    public async Task Configurations_are_shown_changed_one_by_one_and_replaced()
    {
        await Broker.Admin.CreateTopicAsync("t", options => options.RetainBytes = 1 << 30);
        var client = Connect();

        var changed = await client.CallAsync<IncrementalAlterConfigsResponse>(1, new IncrementalAlterConfigsRequest
        {
            Resources = [new() { ResourceType = OfTopic, ResourceName = "t", Configs = [new() { Name = "cleanup.policy", ConfigOperation = 2, Value = "compact" }, new() { Name = "max.message.bytes", Value = "5000" }] }],
        });
        changed.Responses.Single().ErrorCode.Should().Be(KafkaError.None);
        (await DescribeAsync(client, "t", "cleanup.policy", "max.message.bytes", "retention.bytes")).Should().Equal("compact,delete", "5000", "1073741824");

        var replaced = await client.CallAsync<AlterConfigsResponse>(2, new AlterConfigsRequest
        {
            Resources = [new() { ResourceType = OfTopic, ResourceName = "t", Configs = [new() { Name = "retention.ms", Value = "-1" }] }],
        });
        replaced.Responses.Single().ErrorCode.Should().Be(KafkaError.None);
        (await DescribeAsync(client, "t", "cleanup.policy", "max.message.bytes", "retention.bytes", "retention.ms")).Should().Equal("delete", "1048588", "-1", "-1");
        Broker.Admin.DescribeTopic("t")!.Options.RetainFor.Should().Be(TopicOptions.Forever);
    }

    [Fact]
    public async Task A_change_that_is_not_valid_changes_nothing_at_all()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();

        var answer = await client.CallAsync<IncrementalAlterConfigsResponse>(1, new IncrementalAlterConfigsRequest
        {
            Resources =
            [
                new() { ResourceType = OfTopic, ResourceName = "t", Configs = [new() { Name = "max.message.bytes", Value = "5000" }, new() { Name = "retention.ms", Value = "x" }] },
                new() { ResourceType = OfTopic, ResourceName = "nowhere", Configs = [new() { Name = "max.message.bytes", Value = "5000" }] },
                new() { ResourceType = OfBroker, ResourceName = "1", Configs = [new() { Name = "num.partitions", Value = "5" }] },
            ],
        });

        answer.Responses.Select(resource => resource.ErrorCode).Should().Equal(KafkaError.InvalidConfig, KafkaError.UnknownTopicOrPartition, KafkaError.InvalidRequest);
        (await DescribeAsync(client, "t", "max.message.bytes")).Should().Equal("1048588");
    }

    [Fact]
    public async Task The_broker_shows_its_configuration_by_its_number_and_by_no_name_and_no_other_broker_exists()
    {
        var answer = await Connect().CallAsync<DescribeConfigsResponse>(4, new DescribeConfigsRequest
        {
            Resources =
            [
                new() { ResourceType = OfBroker, ResourceName = "1", ConfigurationKeys = ["num.partitions"] },
                new() { ResourceType = OfBroker, ResourceName = "" },
                new() { ResourceType = OfBroker, ResourceName = "2" },
            ],
        });

        answer.Results.Select(result => result.ErrorCode).Should().Equal(KafkaError.None, KafkaError.None, KafkaError.InvalidRequest);
        answer.Results[0].Configs.Should().ContainSingle().Which.Should().BeEquivalentTo(new { Value = "1", ReadOnly = true });
    }

    [Fact]
    public async Task Topics_are_described_page_by_page()
    {
        await Broker.Admin.CreateTopicAsync("a", options => options.Partitions = 3);
        await Broker.Admin.CreateTopicAsync("b", options => options.Partitions = 2);
        var client = Connect();
        var pages = new List<string>();
        PartitionCursor? cursor = null;
        do
        {
            var page = await client.CallAsync<DescribeTopicPartitionsResponse>(0, new DescribeTopicPartitionsRequest
            {
                Topics = [new() { Name = "b" }, new() { Name = "a" }],
                ResponsePartitionLimit = 2,
                Cursor = cursor,
            });
            pages.Add(string.Join(' ', page.Topics.SelectMany(topic => topic.Partitions.Select(partition => $"{topic.Name}{partition.PartitionIndex}"))));
            cursor = page.NextCursor;
        }
        while (cursor is not null);

        pages.Should().Equal("a0 a1", "a2 b0", "b1");
    }

    [Fact]
    public async Task The_cluster_of_one_and_its_directory_are_described()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of(new string('x', 10_000))));

        var cluster = await client.CallAsync<DescribeClusterResponse>(2, new DescribeClusterRequest());
        var controllers = await client.CallAsync<DescribeClusterResponse>(1, new DescribeClusterRequest { EndpointType = 2 });
        var directories = await client.CallAsync<DescribeLogDirsResponse>(4, new DescribeLogDirsRequest { Topics = null });

        cluster.Brokers.Single().BrokerId.Should().Be(cluster.ControllerId);
        cluster.ClusterId.Should().HaveLength(22);
        controllers.ErrorCode.Should().Be(KafkaError.UnsupportedEndpointType);
        directories.Results.Single().LogDir.Should().Be("memory");
        directories.Results.Single().Topics.Single(topic => topic.Name == "t").Partitions.Single().PartitionSize.Should().BeInRange(10_000, 10_200);
    }

    [Fact]
    public async Task Whatever_has_a_configuration_is_listed_by_its_kind()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        async Task<(KafkaError, (string, sbyte)[])> ListAsync(short version, params byte[] types)
        {
            var answer = await client.CallAsync<ListConfigResourcesResponse>(version, new ListConfigResourcesRequest { ResourceTypes = types });
            return (answer.ErrorCode, [.. answer.ConfigResources.Select(resource => (resource.ResourceName, resource.ResourceType))]);
        }

        (await ListAsync(0)).Should().BeEquivalentTo((KafkaError.None, Array.Empty<(string, sbyte)>()), "that version knows of client metrics only");
        (await ListAsync(1)).Should().BeEquivalentTo((KafkaError.None, new (string, sbyte)[] { ("t", 2), ("1", 4) }));
        (await ListAsync(1, 2)).Should().BeEquivalentTo((KafkaError.None, new (string, sbyte)[] { ("t", 2) }));
        (await ListAsync(1, 16, 32)).Should().BeEquivalentTo((KafkaError.None, Array.Empty<(string, sbyte)>()));
        (await ListAsync(1, 2, 3)).Should().BeEquivalentTo((KafkaError.UnsupportedVersion, Array.Empty<(string, sbyte)>()));
    }

    [Fact]
    public async Task A_configuration_that_is_wrong_at_great_length_is_refused_in_a_message_that_every_version_has_room_for()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var (client, longest) = (Connect(), new string('x', short.MaxValue));

        foreach (var config in new IncrementalAlterConfigsRequest.Config[]
        {
            new() { Name = longest, Value = "1" }, new() { Name = longest }, new() { Name = longest, ConfigOperation = 2, Value = "1" }, new() { Name = "segment.bytes", Value = longest },
        })
        {
            var answer = (await client.CallAsync<IncrementalAlterConfigsResponse>(0, new IncrementalAlterConfigsRequest
            {
                Resources = [new() { ResourceType = OfTopic, ResourceName = "t", Configs = [config] }],
            })).Responses.Single();
            answer.ErrorCode.Should().Be(KafkaError.InvalidConfig);
            answer.ErrorMessage!.Length.Should().BeInRange(10, 300);
        }
    }

    [Fact]
    public async Task A_leader_epoch_ends_where_the_log_does_and_another_one_nowhere()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of("a", "b")));

        var answer = await client.CallAsync<OffsetForLeaderEpochResponse>(2, new OffsetForLeaderEpochRequest
        {
            Topics = [new() { Name = "t", Partitions = [new() { LeaderEpoch = 0 }, new() { LeaderEpoch = 3 }, new() { Index = 9 }, new() { CurrentLeaderEpoch = 1 }] }],
        });

        answer.Topics.Single().Partitions.Select(partition => (partition.ErrorCode, partition.LeaderEpoch, partition.EndOffset)).Should().Equal(
            (KafkaError.None, 0, 2), (KafkaError.None, -1, -1), (KafkaError.UnknownTopicOrPartition, -1, -1), (KafkaError.UnknownLeaderEpoch, -1, -1));
    }

    private async Task<CreateTopicsResponse.Topic> CreateAsync(CreateTopicsRequest.Topic asked) =>
        (await Connect().CallAsync<CreateTopicsResponse>(7, new CreateTopicsRequest { Topics = [asked] })).Topics.Single();

    private static async Task<string?[]> DescribeAsync(RawClient client, string topic, params string[] names)
    {
        var described = await client.CallAsync<DescribeConfigsResponse>(4, new DescribeConfigsRequest { Resources = [new() { ResourceType = OfTopic, ResourceName = topic }], IncludeSynonyms = true });
        return [.. names.Select(name => described.Results.Single().Configs.Single(config => config.Name == name).Value)];
    }
}
