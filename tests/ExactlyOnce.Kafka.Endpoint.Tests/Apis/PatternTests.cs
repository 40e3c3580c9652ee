using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

/// <summary>Regular expressions that take linear time, and very much of it for each character: about a second for each of these names.</summary>
public sealed class PatternTests : EndpointTest
{
    private const string Pattern = "(.*a.{0,600}){3}b";
    private const int NameChars = 240;

    private static readonly string[] s_names = [.. Enumerable.Range(10, 20).Select(number => new string('a', NameChars) + number)];

    [Fact]
    public async Task Whoever_lists_transactions_by_one_is_refused_and_nobody_waits_for_it()
    {
        var (client, other) = (Connect(), Connect());
        foreach (var name in s_names)
            await new RawTransaction(client, name).InitAsync();

        var listing = client.CallAsync<ListTransactionsResponse>(2, new ListTransactionsRequest { TransactionalIdPattern = Pattern });
        var served = 0;
        for (; !listing.IsCompleted; served++)
            await new RawTransaction(other, "x").InitAsync();

        (await listing).Should().BeEquivalentTo(new { ErrorCode = KafkaError.InvalidRegularExpression, TransactionStates = Array.Empty<object>() });
        served.Should().BeGreaterThan(1, "transactions go on");
    }

    [Fact]
    public async Task Whoever_subscribes_by_one_is_refused()
    {
        foreach (var name in s_names)
            await Broker.Admin.CreateTopicAsync(name);

        (await Connect().CallAsync<ConsumerGroupHeartbeatResponse>(1, new ConsumerGroupHeartbeatRequest
        {
            GroupId = "g",
            MemberId = "m",
            SubscribedTopicRegex = Pattern,
            RebalanceTimeoutMs = 10_000,
            TopicPartitions = [],
        })).ErrorCode.Should().Be(KafkaError.InvalidRegularExpression);
    }
}
