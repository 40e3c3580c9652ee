using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

public sealed class MetadataTests : EndpointTest
{
    [Theory]
    [InlineData(0), InlineData(1), InlineData(4), InlineData(5), InlineData(8), InlineData(9), InlineData(10), InlineData(12), InlineData(13)]
    public async Task All_topics_are_asked_for_in_the_way_of_each_version(short version)
    {
        await Broker.Admin.CreateTopicAsync("a", options => options.Partitions = 2);
        await Broker.Admin.CreateTopicAsync("b");

        var all = await AskAsync(version, version == 0 ? [] : null);

        all.Topics.Where(topic => !topic.IsInternal).Select(topic => topic.Name).Should().Contain(["a", "b"]);
        all.Topics.Single(topic => topic.Name == "a").Partitions.Select(partition => partition.PartitionIndex).Should().Equal(0, 1);
        if (version > 0)
        {
            (await AskAsync(version, [])).Topics.Should().BeEmpty();
            all.ControllerId.Should().Be(all.Brokers.Single().NodeId);
        }
        $"{all.Brokers.Single().Host}:{all.Brokers.Single().Port}".Should().Be(Endpoint.BootstrapServers);
    }

    [Theory]
    [InlineData(0, "__consumer_offsets"), InlineData(1, "__transaction_state")]
    public async Task Whoever_has_looked_for_a_coordinator_finds_its_topic(sbyte keyType, string topic)
    {
        (await AskAsync(12, null)).Topics.Should().BeEmpty();

        (await Connect().CallAsync<FindCoordinatorResponse>(2, new FindCoordinatorRequest { Key = "x", KeyType = keyType })).ErrorCode.Should().Be(KafkaError.None);

        (await AskAsync(12, null)).Topics.Should().ContainSingle().Which.Should().BeEquivalentTo(new { Name = topic, IsInternal = true, ErrorCode = KafkaError.None });
    }

    [Fact]
    public async Task Unknown_topics_are_answered_by_name_and_by_id_and_nothing_is_created()
    {
        var topic = await Broker.Admin.CreateTopicAsync("t");

        var answer = await AskAsync(12, [new() { Name = "nowhere" }, new() { Name = "a b" }, new() { TopicId = topic.Id }, new() { TopicId = new Guid(1, 2, 3, new byte[8]) }]);

        answer.Topics.Select(asked => (asked.Name, asked.ErrorCode)).Should().Equal(
            ("nowhere", KafkaError.UnknownTopicOrPartition), ("a b", KafkaError.InvalidTopicException), ("t", KafkaError.None), (null, KafkaError.UnknownTopicId));
        answer.Topics[2].TopicId.Should().Be(topic.Id);
        Broker.Admin.DescribeTopic("nowhere").Should().BeNull();
    }

    [Fact]
    public async Task Allowed_operations_are_told_when_they_are_asked_for()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var request = new MetadataRequest { Topics = [new() { Name = "t" }], IncludeClusterAuthorizedOperations = true, IncludeTopicAuthorizedOperations = true };

        var told = await Connect().CallAsync<MetadataResponse>(9, request);
        var untold = await AskAsync(9, [new() { Name = "t" }]);

        (told.ClusterAuthorizedOperations, told.Topics[0].TopicAuthorizedOperations).Should().Be((8096, 3576));
        (untold.ClusterAuthorizedOperations, untold.Topics[0].TopicAuthorizedOperations).Should().Be((int.MinValue, int.MinValue));
    }

    private Task<MetadataResponse> AskAsync(short version, MetadataRequest.Topic[]? topics) => Connect().CallAsync<MetadataResponse>(version, new MetadataRequest { Topics = topics });
}

public sealed class AutoCreationTests : EndpointTest
{
    private protected override KafkaEndpointOptions Options() => new() { Port = 0, AutoCreateTopics = true, DefaultPartitions = 3 };

    [Fact]
    public async Task A_missing_topic_is_created_when_the_client_may_and_not_otherwise()
    {
        var client = Connect();

        var forbidden = await client.CallAsync<MetadataResponse>(9, new MetadataRequest { Topics = [new() { Name = "t" }], AllowAutoTopicCreation = false });
        var old = await client.CallAsync<MetadataResponse>(1, new MetadataRequest { Topics = [new() { Name = "t" }] });

        forbidden.Topics.Single().ErrorCode.Should().Be(KafkaError.UnknownTopicOrPartition);
        old.Topics.Single().Partitions.Should().HaveCount(3);
        Broker.Admin.DescribeTopic("t")!.Partitions.Should().Be(3);
    }
}
