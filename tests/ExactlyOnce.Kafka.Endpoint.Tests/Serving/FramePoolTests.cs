using ExactlyOnce.Kafka.Endpoint.Serving;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Serving;

/// <summary>The memory between the socket and the frames.</summary>
public sealed class FramePoolTests
{
    [Fact]
    public async Task Kestrel_receives_into_blocks_that_most_requests_fit_into()
    {
        await using var broker = Broker.CreateInMemory();
        await using var endpoint = await KafkaEndpoint.StartAsync(broker, new KafkaEndpointOptions { Port = 0 });

        using var pool = endpoint.MemoryPools.Create();

        pool.MaxBufferSize.Should().Be(FramePool.BlockBytes, "Kestrel has a pool of its own, whose blocks of 4 KiB take a call to the system each");
    }
}
