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
    public async Task After_a_restart_that_may_have_lost_records_a_consumer_learns_where_its_epoch_ended()
    {
        var copy = Path.Combine(_directory, "after");
        static Task<Broker> OpenAsync(string directory) => Broker.OpenAsync($"mode=durable;path={directory};durability=written");
        await using (var broker = await OpenAsync(Path.Combine(_directory, "before")))
        {
            await broker.Admin.CreateTopicAsync("t");
            await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
            using var client = new RawClient(endpoint);
            for (var i = 0; i < 10; i++)
                await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of("a", "b", "c")));
            // As it is left when the process is killed.
            Copy(Path.Combine(_directory, "before"), copy);
        }

        await using var again = await OpenAsync(copy);
        await using var reopened = await KafkaEndpoint.StartAsync(again, new KafkaEndpointOptions { Port = 0 });
        using var second = new RawClient(reopened);
        var before = await EndsAsync(second, 0, 1, 2);
        for (var i = 0; i < 5; i++)
            await second.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of("d", "e")));

        before.Should().Equal((0, 30), (1, 30), (-1, -1));
        (await EndsAsync(second, 0, 1, 2)).Should().Equal((0, 30), (1, 40), (-1, -1));
    }

    private static async Task<(int, long)[]> EndsAsync(RawClient client, params int[] epochs)
    {
        var answer = await client.CallAsync<OffsetForLeaderEpochResponse>(2, new OffsetForLeaderEpochRequest
        {
            Topics = [new() { Name = "t", Partitions = [.. epochs.Select(epoch => new OffsetForLeaderEpochRequest.Partition { LeaderEpoch = epoch })] }],
        });
        return [.. answer.Topics.Single().Partitions.Select(partition => (partition.LeaderEpoch, partition.EndOffset))];
    }

    private static void Copy(string source, string target)
    {
        Directory.CreateDirectory(target);
        foreach (var folder in Directory.GetDirectories(source))
            Copy(folder, Path.Combine(target, Path.GetFileName(folder)));
        // The lock is not held by the dead.
        foreach (var file in Directory.GetFiles(source).Where(file => Path.GetFileName(file) != "lock"))
            using (var bytes = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
            using (var copied = File.Create(Path.Combine(target, Path.GetFileName(file))))
                bytes.CopyTo(copied);
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
