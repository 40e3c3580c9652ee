using ExactlyOnce.Clients.Wire;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>A member of a consumer group behind a connection, as KIP-848 wants it: it says what has changed and does as it is told.</summary>
internal sealed class WireConsumer(WireBroker broker, string group, string id, string? instanceId = null)
{
    private IReadOnlyList<AssignedTopic> _assignment = [];
    private int _epoch;

    public WireBroker Broker => broker;

    public string[]? Topics { get; init; } = ["orders"];

    public string? Regex { get; init; }

    public string? Rack { get; init; }

    public TimeSpan RebalanceTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>What it was told it may read, as "topic/partition".</summary>
    public string[] Partitions => [.. _assignment.SelectMany(topic => topic.Partitions.Select(partition => $"{topic.TopicName}/{partition}")).Order(StringComparer.Ordinal)];

    /// <summary>The same member, connected to another run of the broker.</summary>
    public WireConsumer On(WireBroker other) => new(other, group, id, instanceId) { Topics = Topics, _epoch = _epoch, _assignment = _assignment };

    public ConsumerHeartbeatAnswer Join() => Adopt(Call() with
    {
        MemberEpoch = 0,
        RebalanceTimeoutMs = (int)RebalanceTimeout.TotalMilliseconds,
        TopicNames = Topics,
        TopicRegex = Regex,
        RackId = Rack,
        Owned = [],
    });

    public ConsumerHeartbeatAnswer Beat(int? epoch = null, bool isOwnedSaid = false, bool isFull = false, string? regex = null) => Adopt(Call() with
    {
        MemberEpoch = epoch ?? _epoch,
        Owned = isOwnedSaid || isFull ? _assignment : null,
        RebalanceTimeoutMs = isFull ? (int)RebalanceTimeout.TotalMilliseconds : -1,
        TopicNames = isFull ? Topics : null,
        TopicRegex = isFull ? Regex : regex,
    });

    public ConsumerHeartbeatAnswer Leave(bool forAWhile = false) => Adopt(Call() with { MemberEpoch = forAWhile ? -2 : -1 });

    private ConsumerHeartbeatCall Call() => new()
    {
        Group = group,
        MemberId = id,
        InstanceId = instanceId,
        ClientId = "client",
        ClientHost = "/127.0.0.1",
        MemberEpoch = _epoch,
    };

    private ConsumerHeartbeatAnswer Adopt(ConsumerHeartbeatCall call)
    {
        var answer = broker.Run(() => broker.Wire.ConsumerGroupHeartbeatAsync(call));
        if (answer.Error != ErrorCode.None || call.MemberEpoch < 0)
            return answer;
        _epoch = answer.MemberEpoch;
        _assignment = answer.Assignment ?? _assignment;
        return answer;
    }
}
