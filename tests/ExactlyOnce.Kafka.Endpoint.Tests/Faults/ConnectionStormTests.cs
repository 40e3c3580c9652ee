using System.Net;
using System.Net.Sockets;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Faults;

/// <summary>Connections that come faster than anybody could mean it.</summary>
[Collection(Alone.Name)]
public sealed class ConnectionStormTests : EndpointTest
{
    private const int Storm = 3_000;
    private const int AtATime = 60;

    private protected override KafkaEndpointOptions Options() => new() { Port = 0, MaxConnectionsPerAddress = 40 };

    [Fact]
    public async Task A_storm_of_connections_leaves_nothing_behind_and_harms_nobody_who_was_there()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
        await StormAsync(300);
        await CalmAsync();
        var before = GC.GetTotalMemory(forceFullCollection: true);

        var storm = StormAsync(Storm);
        var served = 0L;
        while (!storm.IsCompleted)
            (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of("x")))).Only().BaseOffset.Should().Be(served++);
        await storm;

        await CalmAsync();
        served.Should().BeGreaterThan(10, "whoever was there is served all the while");
        (await Connect().CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None, "there is room again");
        ((GC.GetTotalMemory(forceFullCollection: true) - before) / Storm).Should().BeLessThan(8 << 10, "what is left is pools and the records, not connections");
    }

    private async Task CalmAsync()
    {
        for (var patience = 2000; patience > 0 && Endpoint.ConnectionCount > 1; patience--)
            await Task.Delay(10);
        Endpoint.ConnectionCount.Should().Be(1);
    }

    /// <summary>More at a time than one address may have. They end by closing, by a reset, or in the middle of a request; and some do not begin.</summary>
    private Task StormAsync(int count) => Parallel.ForEachAsync(
        Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (number, cancelled) =>
        {
            using var tcp = new TcpClient { LingerState = new LingerOption(number % 3 == 0, 0) };
            try
            {
                await tcp.ConnectAsync(IPEndPoint.Parse(Endpoint.BootstrapServers), cancelled);
                if (number % 2 == 0)
                    await tcp.GetStream().WriteAsync(new byte[] { 0, 0, 0, 10, 0, 18, 0 }, cancelled);
                if (number % 5 == 0)
                    await Task.Delay(20, cancelled);
            }
            catch (Exception exception) when (exception is IOException or SocketException)
            {
                // One too many.
            }
        });
}
