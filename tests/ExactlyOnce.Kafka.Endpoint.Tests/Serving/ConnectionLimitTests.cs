using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Serving;

public sealed class ConnectionLimitTests : EndpointTest
{
    private protected override KafkaEndpointOptions Options() => new()
    {
        Port = 0,
        MaxConnectionsPerAddress = 2,
        LoginTimeout = TimeSpan.FromSeconds(1),
        TransferTimeout = TimeSpan.FromSeconds(1),
        IdleTimeout = TimeSpan.FromSeconds(2),
        MaxRequestBytes = 64 << 10,
    };

    [Fact]
    public async Task A_connection_too_many_is_closed_and_there_is_room_again_when_one_ends()
    {
        var (first, second) = (new RawClient(Endpoint), Connect());
        await first.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
        await second.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
        await Connect().ShouldBeClosedAsync();

        first.Dispose();
        while (Endpoint.ConnectionCount > 1)
            await Task.Delay(5);

        (await Connect().CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None);
    }

    [Fact]
    public async Task Whoever_says_nothing_is_closed() => await Connect().ShouldBeClosedAsync();

    [Fact]
    public async Task Whoever_stops_inside_a_request_is_closed()
    {
        var client = Connect();
        await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
        await client.SendAsync([0, 0, 0, 100, 0, 18]);

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task Whoever_falls_silent_is_closed()
    {
        var client = Connect();
        await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task A_long_poll_is_no_silence()
    {
        await Broker.Admin.CreateTopicAsync("t");

        (await Connect().CallAsync<FetchResponse>(12, TestBatch.Fetch("t", 0, maxWaitMs: 4000))).Only().ErrorCode.Should().Be(KafkaError.None);
    }

    [Fact]
    public async Task A_long_poll_ends_empty_when_it_has_lasted_as_long_as_silence_may()
    {
        await Broker.Admin.CreateTopicAsync("t");

        (await Connect().CallAsync<FetchResponse>(12, TestBatch.Fetch("t", 0, maxWaitMs: int.MaxValue))).Only().Batches().Should().BeEmpty();
    }

    [Fact]
    public async Task Whoever_does_not_read_what_he_asked_for_is_closed()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        for (var i = 0; i < 150; i++)
            await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of(new string('x', 60_000))));
        for (var i = 0; i < 10; i++)
            await client.SendAsync(12, TestBatch.Fetch("t", 0, maxBytes: 9 << 20, partitionMaxBytes: 9 << 20));

        for (var patience = 2000; patience > 0 && Endpoint.ConnectionCount > 0; patience--)
            await Task.Delay(10);

        Endpoint.ConnectionCount.Should().Be(0);
    }
}
