using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

/// <summary>Who names one thing very often in a small request is not told of it as often in an answer without bound.</summary>
public sealed class NamedTwiceTests : EndpointTest
{
    private const int Often = 5_000;

    [Fact]
    public async Task A_topic_is_described_once_by_its_name_and_once_by_its_id()
    {
        var id = (await Broker.Admin.CreateTopicAsync("t", options => options.Partitions = 500)).Id;

        var answer = await Connect().CallAsync<MetadataResponse>(12, new MetadataRequest
        {
            Topics = [.. Many(() => new MetadataRequest.Topic { Name = "t" }), .. Many(() => new MetadataRequest.Topic { TopicId = id })],
        });

        answer.Topics.Select(topic => (topic.Name, topic.TopicId, topic.Partitions.Length)).Should().Equal(("t", id, 500), ("t", id, 500));
    }

    [Fact]
    public async Task Groups_and_transactions_are_described_once()
    {
        var client = Connect();
        string[] names = [.. Many(() => "x")];

        var groups = await client.CallAsync<DescribeGroupsResponse>(5, new DescribeGroupsRequest { Groups = names });
        var consumers = await client.CallAsync<ConsumerGroupDescribeResponse>(0, new ConsumerGroupDescribeRequest { GroupIds = names });
        var transactions = await client.CallAsync<DescribeTransactionsResponse>(0, new DescribeTransactionsRequest { TransactionalIds = names });

        (groups.Groups.Length, consumers.Groups.Length, transactions.TransactionStates.Length).Should().Be((1, 1, 1));
    }

    [Fact]
    public async Task What_is_asked_for_with_wishes_of_its_own_is_answered_once_and_refused_after_that()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();

        var configs = await client.CallAsync<DescribeConfigsResponse>(4, new DescribeConfigsRequest
        {
            Resources = [.. Many(() => new DescribeConfigsRequest.Resource { ResourceType = 2, ResourceName = "t" })],
        });
        var offsets = await client.CallAsync<OffsetFetchResponse>(8, new OffsetFetchRequest
        {
            Groups = [.. Many(() => new OffsetFetchRequest.Group { GroupId = "g", Topics = null })],
        });
        var producers = await client.CallAsync<DescribeProducersResponse>(0, new DescribeProducersRequest
        {
            Topics = [new() { Name = "t", PartitionIndexes = new int[Often] }],
        });

        ShouldBeOnce(configs.Results.Select(result => result.ErrorCode));
        configs.Results.Skip(1).Should().OnlyContain(result => result.Configs.Length == 0);
        ShouldBeOnce(offsets.Groups.Select(group => group.ErrorCode));
        ShouldBeOnce(producers.Topics.Single().Partitions.Select(partition => partition.ErrorCode));
    }

    [Fact]
    public async Task Very_many_topics_are_compared_in_no_time()
    {
        var client = Connect();
        var names = Enumerable.Range(0, 150_000).Select(number => $"no/{number}").ToArray();

        var created = await client.CallAsync<CreateTopicsResponse>(5, new CreateTopicsRequest
        {
            Topics = [.. names.Select(name => new CreateTopicsRequest.Topic { Name = name })],
        });
        var grown = await client.CallAsync<CreatePartitionsResponse>(2, new CreatePartitionsRequest
        {
            Topics = [.. names.Select(name => new CreatePartitionsRequest.Topic { Name = name })],
        });

        created.Topics.Should().OnlyContain(topic => topic.ErrorCode == KafkaError.InvalidTopicException);
        grown.Results.Should().OnlyContain(topic => topic.ErrorCode == KafkaError.UnknownTopicOrPartition);
    }

    private static IEnumerable<T> Many<T>(Func<T> one) => Enumerable.Range(0, Often).Select(_ => one());

    private static void ShouldBeOnce(IEnumerable<KafkaError> errors) =>
        errors.Should().Equal(Enumerable.Repeat(KafkaError.InvalidRequest, Often - 1).Prepend(KafkaError.None));
}
