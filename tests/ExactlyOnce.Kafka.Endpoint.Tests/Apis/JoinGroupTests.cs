using ExactlyOnce.Kafka.Endpoint.Apis;
using ExactlyOnce.Kafka.Endpoint.Tests.Clients;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Apis;

public sealed class JoinGroupTests : EndpointTest
{
    [Theory]
    [InlineData(4), InlineData(9)]
    public async Task A_client_that_calls_itself_something_very_long_is_given_an_id_all_the_same(short version)
    {
        var client = Connect();
        client.ClientId = new string('x', 32_700);

        var answer = await client.CallAsync<JoinGroupResponse>(version, new JoinGroupRequest
        {
            GroupId = "g",
            SessionTimeoutMs = 10_000,
            RebalanceTimeoutMs = 10_000,
            ProtocolType = "consumer",
            Protocols = [new() { Name = "range" }],
        });

        answer.ErrorCode.Should().Be(KafkaError.MemberIdRequired);
        answer.MemberId.Length.Should().BeInRange(1, 300);
    }
}
