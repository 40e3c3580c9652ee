using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>Over a broker whose acknowledgements wait for the disk.</summary>
public sealed class DurableTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("eo-endpoint-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Pipelined_batches_share_their_syncs_and_are_answered_in_order_and_survive_a_restart_with_their_sequences()
    {
        const int Count = 300;
        var producer = new ProducerIdentity(4711, 0);
        await using (var broker = await Broker.OpenAsync(_directory))
        await using (var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 }))
        {
            await broker.Admin.CreateTopicAsync("t");
            using var client = new RawClient(endpoint);
            var requests = Enumerable.Range(0, Count).Select(i => TestBatch.Produce("t", TestBatch.Of(producer, i, $"{i}"))).ToArray();
            await client.SendAsync([.. requests.SelectMany(request => client.FrameOf(9, request))]);
            for (var i = 0; i < Count; i++)
                (await client.ReadAsync<ProduceResponse>(9, requests[i])).Only().Should().BeEquivalentTo(new { ErrorCode = KafkaError.None, BaseOffset = (long)i });
        }

        await using var again = await Broker.OpenAsync(_directory);
        await using var reopened = await KafkaEndpoint.StartAsync(again, new KafkaEndpointOptions { Port = 0 });
        using var second = new RawClient(reopened);
        var retry = await second.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of(producer, Count - 1, $"{Count - 1}")));
        var fetched = await second.CallAsync<FetchResponse>(12, TestBatch.Fetch("t", 0));

        retry.Only().BaseOffset.Should().Be(Count - 1, "the retry of what was acknowledged before the restart is recognised");
        fetched.Only().Batches().Should().HaveCount(Count);
    }

    [Fact]
    public async Task The_cluster_keeps_its_id_and_the_topic_its_own_over_a_restart()
    {
        async Task<(string?, Guid)> IdsAsync(bool create)
        {
            await using var broker = await Broker.OpenAsync(_directory);
            await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
            if (create)
                await broker.Admin.CreateTopicAsync("t");
            using var client = new RawClient(endpoint);
            var metadata = await client.CallAsync<MetadataResponse>(12, new MetadataRequest { Topics = [new() { Name = "t" }] });
            return (metadata.ClusterId, metadata.Topics.Single().TopicId);
        }

        var before = await IdsAsync(create: true);

        before.Item2.Should().NotBe(Guid.Empty);
        (await IdsAsync(create: false)).Should().Be(before);
    }
}
