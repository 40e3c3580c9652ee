using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Codec;
using ExactlyOnce.Kafka.Endpoint.Serving;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Codec;

/// <summary>Bytes written down by hand from the protocol's tables, and compared with what the codec makes of the same.</summary>
public sealed class GoldenTests : EndpointTest
{
    [Fact]
    public void A_flexible_request_has_tags_in_its_header_and_a_client_id_in_the_classic_form() => Request(
        new ApiVersionsRequest { ClientSoftwareName = "librdkafka", ClientSoftwareVersion = "2.16.0" }, 3,
        "0000 0021 0012 0003 00000007 0003 726177 00  0B 6C6962 72646B61666B61  07 322E31362E30  00");

    [Fact]
    public void A_classic_request_has_neither() => Request(
        new FindCoordinatorRequest { Key = "g1", KeyType = 1 }, 2,
        "0000 0012 000A 0002 00000007 0003 726177  0002 6731  01");

    [Fact]
    public void Null_arrays_and_null_strings() => Request(
        new MetadataRequest { Topics = null, AllowAutoTopicCreation = false }, 4,
        "0000 0012 0003 0004 00000007 0003 726177  FFFFFFFF 00");

    [Fact]
    public void A_topic_by_its_id() => Request(
        new MetadataRequest { Topics = [new MetadataRequest.Topic { TopicId = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff") }] }, 12,
        "0000 0024 0003 000C 00000007 0003 726177 00  02 00112233445566778899AABBCCDDEEFF 00 00  01 00 00");

    [Fact]
    public void Tags_of_a_request_in_ascending_order() => Request(
        new FetchRequest { ClusterId = "c", ReplicaState = new FetchRequest.ReplicaStateFields { ReplicaId = 5, ReplicaEpoch = 6 }, MaxWaitMs = 1, MinBytes = 2, MaxBytes = 3 }, 15,
        """
        0000 003A 0001 000F 00000007 0003 726177 00
        00000001 00000002 00000003 00 00000000 FFFFFFFF 01 01 01
        02  00 02 0263  01 0D 00000005 0000000000000006 00
        """);

    [Fact]
    public void A_produce_answer_in_its_oldest_form() => Answer(
        new ProduceResponse
        {
            Responses = [new ProduceResponse.Topic { Name = "t", PartitionResponses = [new ProduceResponse.Partition { Index = 2, BaseOffset = 258 }] }],
        },
        3,
        "0000 0029 00000007  00000001 0001 74  00000001 00000002 0000 0000000000000102 FFFFFFFFFFFFFFFF  00000000");

    [Fact]
    public void And_in_a_flexible_one() => Answer(
        new ProduceResponse
        {
            Responses = [new ProduceResponse.Topic { Name = "t", PartitionResponses = [new ProduceResponse.Partition { Index = 2, ErrorCode = KafkaError.InvalidRecord, ErrorMessage = "no" }] }],
        },
        9,
        """
        0000 0032 00000007 00
        02 0274  02 00000002 0057 FFFFFFFFFFFFFFFF FFFFFFFFFFFFFFFF FFFFFFFFFFFFFFFF 01 03 6E6F 00  00
        00000000 00
        """);

    [Fact]
    public void Records_stand_where_they_belong() => Answer(
        new FetchResponse
        {
            Responses =
            [
                new FetchResponse.Topic
                {
                    Name = "t",
                    Partitions =
                    [
                        new FetchResponse.Partition
                        {
                            HighWatermark = 1,
                            LastStableOffset = 1,
                            LogStartOffset = 0,
                            AbortedTransactions = [new FetchResponse.AbortedTransaction { ProducerId = 9, FirstOffset = 0 }],
                            Records = new RecordBytes([new byte[] { 0xAA, 0xBB }, new byte[] { 0xCC }]),
                        },
                    ],
                },
            ],
        },
        12,
        """
        0000 004E 00000007 00
        00000000 0000 00000000
        02 0274  02 00000000 0000 0000000000000001 0000000000000001 0000000000000000
        02 0000000000000009 0000000000000000 00
        FFFFFFFF 04 AABBCC 00 00 00
        """);

    [Fact]
    public async Task A_version_of_ApiVersions_that_is_not_known_is_answered_in_the_oldest_form_and_the_connection_lives()
    {
        var client = Connect();
        await client.SendAsync(Convert.FromHexString("0000000E0012007F00000001FFFF00C0FFEE".Replace(" ", "")));

        var frame = await client.ReadFrameAsync();

        frame[..10].Should().Equal([0, 0, 0, 1, 0, 35, 0, 0, 0, (byte)ApiRegistry.All.Count]);
        frame.Should().HaveCount(10 + (ApiRegistry.All.Count * 6), "each API has three numbers, and nothing follows");
        var at = 10 + (ApiRegistry.All.Select(api => api.Key).ToList().IndexOf(18) * 6);
        frame[at..(at + 6)].Should().Equal([0, 18, 0, 0, 0, 4]);
        (await client.CallAsync<ApiVersionsResponse>(4, new ApiVersionsRequest { ClientSoftwareName = "raw", ClientSoftwareVersion = "1.0" })).ErrorCode.Should().Be(KafkaError.None);
    }

    [Fact]
    public async Task The_header_of_an_ApiVersions_answer_is_never_flexible()
    {
        var client = Connect();
        await client.SendAsync(3, new ApiVersionsRequest { ClientSoftwareName = "raw", ClientSoftwareVersion = "1.0" });

        (await client.ReadFrameAsync())[..7].Should().Equal([0, 0, 0, 1, 0, 0, (byte)(ApiRegistry.All.Count + 1)]);
    }

    [Theory]
    [InlineData("", "1"), InlineData("a b", "1"), InlineData("raw", "-1"), InlineData("raw", "1\n")]
    public async Task A_name_of_client_software_that_is_none_is_refused_in_the_form_of_its_version(string name, string version)
    {
        var answer = await Connect().CallAsync<ApiVersionsResponse>(3, new ApiVersionsRequest { ClientSoftwareName = name, ClientSoftwareVersion = version });

        answer.ErrorCode.Should().Be(KafkaError.InvalidRequest);
        answer.ApiKeys.Should().NotBeEmpty();
    }

    private static void Request(IMessage request, short version, string golden)
    {
        var api = ApiRegistry.All.Single(api => api.NewRequest().GetType() == request.GetType());
        var writer = new WireWriter();
        writer.WriteRequest(request, new RequestHeader(api.Key, version, 7), "raw", api.FlexibleFrom);
        Compare(writer, golden);
    }

    private static void Answer(IMessage answer, short version, string golden)
    {
        var api = ApiRegistry.All.Single(api => api.NewResponse().GetType() == answer.GetType());
        var writer = new WireWriter();
        writer.WriteAnswer(answer, 7, version, api.FlexibleFrom, api.IsFlexible(version));
        Compare(writer, golden);
    }

    private static void Compare(WireWriter writer, string golden) =>
        Convert.ToHexString(writer.ToArray()).Should().Be(string.Concat(golden.Where(char.IsAsciiHexDigit)));
}
