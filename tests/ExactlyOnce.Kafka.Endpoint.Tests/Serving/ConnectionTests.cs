using System.Buffers.Binary;
using System.Net;
using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Serving;

public sealed class ConnectionTests : EndpointTest
{
    private const short Version = 12;
    private const int LongMs = 60_000;

    [Fact]
    public async Task Pipelined_requests_are_answered_in_their_order()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        var requests = Enumerable.Range(0, 200).Select(i => TestBatch.Produce("t", TestBatch.Of($"{i}"))).ToArray();
        await client.SendAsync([.. requests.SelectMany(request => client.FrameOf(9, request))]);

        for (var i = 0; i < requests.Length; i++)
            (await client.ReadAsync<ProduceResponse>(9, requests[i])).Only().BaseOffset.Should().Be(i);
    }

    [Fact]
    public async Task A_thousand_requests_at_once_are_answered_each_under_its_own_number_whatever_that_is()
    {
        const int Count = 1000;
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        var requests = Enumerable.Range(0, Count).Select(RequestOf).ToArray();
        // Backwards, negative, and some of them twice.
        var numbers = Enumerable.Range(0, Count).Select(i => i % 3 == 0 ? int.MaxValue : i % 3 == 1 ? -i : int.MinValue + (i / 2)).ToArray();

        var sending = client.SendAsync([.. requests.SelectMany((request, i) => client.FrameOf(request.Version, request.Body, numbers[i]))]);

        for (var i = 0; i < Count; i++)
            BinaryPrimitives.ReadInt32BigEndian(await client.ReadFrameAsync()).Should().Be(numbers[i]);
        await sending;
        (await client.CallAsync<FetchResponse>(Version, TestBatch.Fetch("t", 0))).Only().HighWatermark.Should().Be(Count / 4);

        static (short Version, IMessage Body) RequestOf(int i) => (i % 4) switch
        {
            0 => (9, TestBatch.Produce("t", TestBatch.Of($"{i}"))),
            1 => (Version, TestBatch.Fetch("t", 0, maxBytes: 1, partitionMaxBytes: 1)),
            2 => (1, new MetadataRequest { Topics = null }),
            _ => (0, new ApiVersionsRequest()),
        };
    }

    [Fact]
    public async Task A_request_that_arrives_byte_by_byte_is_a_request()
    {
        var client = Connect();
        var request = new FindCoordinatorRequest { Key = "g" };
        foreach (var one in client.FrameOf(2, request))
            await client.SendAsync([one]);

        (await client.ReadAsync<FindCoordinatorResponse>(2, request)).NodeId.Should().Be(1);
    }

    [Fact]
    public async Task A_request_larger_than_any_block_of_memory_is_put_together()
    {
        await Broker.Admin.CreateTopicAsync("t", options => options.MaxMessageBytes = 4 << 20);
        var batch = TestBatch.Of(new string('x', 3 << 20));
        var client = Connect();

        for (var i = 0; i < 3; i++)
            (await client.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", batch))).Only().BaseOffset.Should().Be(i);
        var fetched = (await client.CallAsync<FetchResponse>(Version, TestBatch.Fetch("t", 0))).Only();

        fetched.Records.First.Slice(16).ToArray().Should().Equal(batch[16..]);
    }

    [Theory]
    [InlineData(-1), InlineData(int.MinValue), InlineData(int.MaxValue), InlineData(0x47455420), InlineData(0x16030100)]
    public async Task A_length_that_is_none_closes_the_connection_and_takes_no_memory(int length)
    {
        var client = Connect();
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);

        await client.SendAsync(bytes);

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task An_API_that_is_not_served_closes_the_connection()
    {
        var client = Connect();
        await client.SendAsync([0, 0, 0, 10, 0x00, 0x47, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF]);

        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task A_request_that_makes_no_sense_closes_the_connection_and_no_other()
    {
        var (sane, mad) = (Connect(), Connect());
        await sane.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
        // Metadata v1 that announces two billion topics.
        await mad.SendAsync([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]);

        await mad.ShouldBeClosedAsync();
        (await sane.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest())).ErrorCode.Should().Be(KafkaError.None);
    }

    [Fact]
    public async Task A_request_of_more_elements_than_anybody_needs_closes_the_connection_before_it_takes_the_memory()
    {
        var client = Connect();
        var request = new MetadataRequest { Topics = [.. Enumerable.Range(0, 200_001).Select(_ => new MetadataRequest.Topic { Name = "" })] };

        await client.SendAsync(1, request);

        await client.ShouldBeClosedAsync();
    }

    [Theory]
    [InlineData("a length that is none", "FFFFFFFF"), InlineData("a length beyond all bounds", "7FFFFFFF"), InlineData("nothing at all", "00000000"), InlineData("half a header", "0000000300120000")]
    [InlineData("HTTP", "474554202F20485454502F312E310D0A0D0A"), InlineData("TLS", "16030100C8010000C40303"), InlineData("an API of brokers", "0000000A00070000000000010000FFFF")]
    [InlineData("a version from the future", "0000000A00037FFF00000001FFFF"), InlineData("a body that is too short", "0000000C0003000100000001FFFF0000")]
    [InlineData("a body that is too long", "000000120003000100000001FFFFFFFFFFFF00000002")]
    public async Task What_was_asked_before_nonsense_is_answered(string what, string nonsense)
    {
        var client = Connect();
        var request = new ApiVersionsRequest();

        await client.SendAsync([.. client.FrameOf(0, request), .. Convert.FromHexString(nonsense)]);

        nonsense.Should().NotBeEmpty(what);

        (await client.ReadAsync<ApiVersionsResponse>(0, request)).ErrorCode.Should().Be(KafkaError.None);
        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task Stopping_answers_the_long_polls_and_closes_the_connections()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var client = Connect();
        var request = TestBatch.Fetch("t", 0, LongMs);
        var before = new ApiVersionsRequest();
        await client.SendAsync([.. client.FrameOf(0, before), .. client.FrameOf(Version, request)]);
        // Arrives when the fetch, which came with it, has begun to wait.
        await client.ReadAsync<ApiVersionsResponse>(0, before);

        await Endpoint.DisposeAsync();

        (await client.ReadAsync<FetchResponse>(Version, request)).Only().ErrorCode.Should().Be(KafkaError.None);
        await client.ShouldBeClosedAsync();
    }

    [Fact]
    public async Task A_client_that_goes_away_in_a_long_poll_is_forgotten()
    {
        await Broker.Admin.CreateTopicAsync("t");
        using (var client = new RawClient(Endpoint))
        {
            await client.CallAsync<ApiVersionsResponse>(0, new ApiVersionsRequest());
            await client.SendAsync(Version, TestBatch.Fetch("t", 0, LongMs));
            Endpoint.ConnectionCount.Should().Be(1);
        }

        await EventuallyAsync(() => Endpoint.ConnectionCount == 0);
    }

    [Fact]
    public async Task A_client_that_asks_and_does_not_read_holds_up_itself_only()
    {
        await Broker.Admin.CreateTopicAsync("t");
        var greedy = Connect();
        for (var i = 0; i < 20; i++)
            await greedy.CallAsync<ProduceResponse>(9, TestBatch.Produce("t", TestBatch.Of(new string('x', 900_000))));
        for (var i = 0; i < 20; i++)
            await greedy.SendAsync(Version, TestBatch.Fetch("t", 0, maxBytes: 1 << 30, partitionMaxBytes: 1 << 30));

        var answer = await Connect().CallAsync<FetchResponse>(Version, TestBatch.Fetch("t", 19));

        answer.Only().Batches().Should().ContainSingle();
    }

    [Fact]
    public async Task An_endpoint_that_others_could_reach_does_not_start_without_protection()
    {
        var starting = () => KafkaEndpoint.StartAsync(Broker, new KafkaEndpointOptions { Address = IPAddress.Any, Port = 0 });

        (await starting.Should().ThrowAsync<InvalidRequestException>()).WithMessage("*AllowInsecureNetwork*");
        await using var allowed = await KafkaEndpoint.StartAsync(Broker, new KafkaEndpointOptions { Address = IPAddress.Any, Port = 0, AllowInsecureNetwork = true });
        allowed.BootstrapServers.Should().StartWith("localhost:");
    }

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        for (var patience = 2000; patience > 0 && !condition(); patience--)
            await Task.Delay(10);
        condition().Should().BeTrue();
    }
}
