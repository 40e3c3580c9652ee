using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Security;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Security;

/// <summary>Rules that come and go while what they are about is done. On a disk, so that there is such a while.</summary>
public sealed class ChangingRulesTests : EndpointTest
{
    private const int Rounds = 200;

    private readonly string _directory = Directory.CreateTempSubdirectory("eo-endpoint-").FullName;

    private protected override ValueTask<Broker> OpenBrokerAsync() => new(Broker.OpenAsync(_directory));

    private protected override KafkaEndpointOptions Options() => new() { Port = 0, Sasl = SaslMechanisms.Plain, Users = { ["alice"] = "secret" } };

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Of_offsets_of_two_topics_each_is_answered_by_what_became_of_it()
    {
        var store = SecurityStore.Of(Broker);
        foreach (var topic in new[] { "now-and-then", "always" })
            await Broker.Admin.CreateTopicAsync(topic);
        await store.SetAsync(Allow(AclResource.Group, "g"), isKept: true);
        await store.SetAsync(Allow(AclResource.Topic, "always"), isKept: true);
        var client = Connect();
        await client.LoginAsync("alice", "secret");
        using var stop = new CancellationTokenSource();
        var changing = ChangeAsync(store, stop.Token);

        for (var round = 0; round < Rounds; round++)
        {
            var answer = await client.CallAsync<OffsetCommitResponse>(8, new OffsetCommitRequest
            {
                GroupId = "g",
                Topics = [Offset("now-and-then", 0, round), Offset("always", 7, round)],
            });
            answer.Topics[0].Partitions.Single().ErrorCode.Should().BeOneOf(KafkaError.None, KafkaError.TopicAuthorizationFailed);
            answer.Topics[1].Partitions.Single().ErrorCode.Should().Be(KafkaError.UnknownTopicOrPartition, "there is no partition 7");
        }

        await stop.CancelAsync();
        await changing;
    }

    private static async Task ChangeAsync(SecurityStore store, CancellationToken stop)
    {
        for (var isKept = true; !stop.IsCancellationRequested; isKept = !isKept)
            await store.SetAsync(Allow(AclResource.Topic, "now-and-then"), isKept);
    }

    private static OffsetCommitRequest.Topic Offset(string topic, int partition, int offset) =>
        new() { Name = topic, Partitions = [new() { PartitionIndex = partition, CommittedOffset = offset }] };

    private static AclBinding Allow(AclResource resource, string name) =>
        new(resource, name, AclPattern.Literal, "User:alice", AclBinding.Wildcard, AclOperation.Read, AclPermission.Allow);
}
