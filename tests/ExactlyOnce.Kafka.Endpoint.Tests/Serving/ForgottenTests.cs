using System.Runtime.CompilerServices;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

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
