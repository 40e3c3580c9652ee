using ExactlyOnce.Kafka.Endpoint.Apis;

namespace ExactlyOnce.Kafka.Endpoint.Tests.Clients;

/// <summary>A member of a classic group over a raw client.</summary>
internal sealed class RawMember(RawClient client, string group)
{
    private const string Protocol = "range";

    public string Id { get; private set; } = "";

    public int Generation { get; private set; } = -1;

    /// <summary>Speaks on in the name of another connection's member.</summary>
    public void Continue(RawMember other) => (Id, Generation) = (other.Id, other.Generation);

    /// <summary>Joins, and shares out the partitions if that falls to it.</summary>
    public async Task JoinAsync(int sessionTimeoutMs = 6_000)
    {
        var answer = await AskAsync(sessionTimeoutMs);
        Id = answer.MemberId;
        // Everybody is given a name before he is let in.
        if (answer.ErrorCode == KafkaError.MemberIdRequired)
            answer = await AskAsync(sessionTimeoutMs);
        answer.ErrorCode.Should().Be(KafkaError.None);
        Generation = answer.GenerationId;
        var shares = answer.Members.Select(member => new SyncGroupRequest.Share { MemberId = member.MemberId, Assignment = [] });
        (await client.CallAsync<SyncGroupResponse>(3, new SyncGroupRequest
        {
            GroupId = group,
            GenerationId = Generation,
            MemberId = Id,
            Assignments = answer.Leader == Id ? [.. shares] : [],
        })).ErrorCode.Should().Be(KafkaError.None);
    }

    public async Task<KafkaError> LeaveAsync() => (await client.CallAsync<LeaveGroupResponse>(1, new LeaveGroupRequest { GroupId = group, MemberId = Id })).ErrorCode;

    public async Task<KafkaError> CommitAsync(string topic, long offset) => (await client.CallAsync<OffsetCommitResponse>(7, new OffsetCommitRequest
    {
        GroupId = group,
        GenerationIdOrMemberEpoch = Generation,
        MemberId = Id,
        Topics = [new() { Name = topic, Partitions = [new() { CommittedOffset = offset }] }],
    })).Topics.Single().Partitions.Single().ErrorCode;

    private Task<JoinGroupResponse> AskAsync(int sessionTimeoutMs) => client.CallAsync<JoinGroupResponse>(5, new JoinGroupRequest
    {
        GroupId = group,
        SessionTimeoutMs = sessionTimeoutMs,
        RebalanceTimeoutMs = 60_000,
        MemberId = Id,
        ProtocolType = "consumer",
        Protocols = [new() { Name = Protocol, Metadata = [] }],
    });
}
