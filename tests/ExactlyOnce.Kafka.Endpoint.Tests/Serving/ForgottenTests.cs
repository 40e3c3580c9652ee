using System.Runtime.CompilerServices;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;
using ExactlyOnce.Torture.Wire;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Serving;

public sealed class ForgottenTests
{
    [Fact]
    public void A_broker_whose_endpoint_was_disposed_is_garbage()
    {
        var backend = ServeOnce();

        for (var patience = 200; patience > 0 && backend.IsAlive; patience--)
        {
            Thread.Sleep(10);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        backend.IsAlive.Should().BeFalse("nothing static, and no thread of the pool, may hold what an endpoint has used");
    }

    [Fact]
    public async Task Of_topics_that_come_and_go_a_connection_that_has_read_them_keeps_a_few()
    {
        const int Topics = 60;
        const int Few = 20;
        await using var broker = Broker.CreateInMemory();
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
        using var client = new RawClient(endpoint);
        var logs = new List<WeakReference>();
        for (var i = 0; i < Topics; i++)
            logs.Add(await ComeAndGoAsync(broker, client, $"t{i}"));

        for (var patience = 200; patience > 0 && logs.Count(log => log.IsAlive) > Few; patience--)
        {
            await Task.Delay(10);
            GC.Collect();
        }

        logs.Count(log => log.IsAlive).Should().BeLessThanOrEqualTo(Few, "what was deleted takes no memory because somebody has read it once");
    }

    [Fact]
    public async Task A_client_that_is_gone_when_its_request_begins_to_wait_leaves_nothing_behind()
    {
        await using var broker = Broker.CreateInMemory();
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
        using var first = new RawClient(endpoint);
        await new RawMember(first, "g").JoinAsync(sessionTimeoutMs: 60_000);

        var server = await AskAndGoAsync(broker, first);

        for (var patience = 200; patience > 0 && server.IsAlive; patience--)
        {
            await Task.Delay(10);
            GC.Collect();
        }
        server.IsAlive.Should().BeFalse("the group waits for its first member, and nobody waits for the group");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> ComeAndGoAsync(Broker broker, RawClient client, string topic)
    {
        await broker.Admin.CreateTopicAsync(topic);
        await client.CallAsync<ProduceResponse>(9, TestBatch.Produce(topic, TestBatch.Of("a")));
        await client.CallAsync<FetchResponse>(12, TestBatch.Fetch(topic, 0));
        var log = new WeakReference(((Engine.Backend.EnginePartition)broker.Backend.GetPartition(new TopicPartition(topic, 0)).Innermost).Partition);
        await broker.Admin.DeleteTopicAsync(topic);
        return log;
    }

    /// <summary>
    /// An answer and a request that has to wait, from a client that has stopped reading: the answer meets nobody while the request is under way.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> AskAndGoAsync(Broker broker, RawClient frames)
    {
        var server = new KafkaServer(broker, new KafkaEndpointOptions());
        var connection = new PipedConnection(new KafkaConnectionHandler(server));
        connection.Forget();
        var join = new JoinGroupRequest { GroupId = "g", SessionTimeoutMs = 60_000, RebalanceTimeoutMs = 60_000, ProtocolType = "consumer", Protocols = [new() { Name = "range" }] };
        await connection.SendAsync((byte[])[.. frames.FrameOf(0, new ApiVersionsRequest()), .. frames.FrameOf(3, join)]);
        (await connection.WaitForEndAsync(TimeSpan.FromSeconds(20))).Should().BeTrue();
        connection.Thrown.Should().BeNull();
        return new WeakReference(server);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference ServeOnce() => Task.Run(async () =>
    {
        await using var broker = Broker.CreateInMemory();
        await broker.Admin.CreateTopicAsync("t");
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });
        using var client = new RawClient(endpoint);
        for (var i = 0; i < 20; i++)
            (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of("a")))).Only().ErrorCode.Should().Be(KafkaError.None);
        (await client.CallAsync<FetchResponse>(12, TestBatch.Fetch("t", 0))).Only().Batches().Should().HaveCount(20);
        return new WeakReference(broker.Backend);
    }).GetAwaiter().GetResult();
}
