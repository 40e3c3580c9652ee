using System.Buffers.Binary;
using System.Text;
using ExactlyOnce.Clients.Wire;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>
/// A member of a classic group behind a connection, as Kafka's clients are: it keeps its id and generation, joins in two steps, and assigns everybody his own
/// id when it leads.
/// </summary>
internal sealed class WireMember(WireBroker broker, string group, string? instanceId = null)
{
    private Task<JoinGroupAnswer>? _joining;
    private Task<SyncGroupAnswer>? _syncing;

    public string Id { get; set; } = "";

    public int Generation { get; private set; } = -1;

    public JoinGroupAnswer Join { get; private set; } = new();

    public SyncGroupAnswer Sync { get; private set; } = new(ErrorCode.None, null, null, default);

    public string[] Protocols { get; init; } = ["range"];

    public string[] Topics { get; set; } = ["orders"];

    public TimeSpan SessionTimeout { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan RebalanceTimeout { get; init; } = TimeSpan.FromSeconds(30);

    public bool KnowsTwoSteps { get; init; } = true;

    public bool KnowsSkipping { get; init; } = true;

    public string ProtocolType { get; init; } = "consumer";

    public bool IsLeader => Join.LeaderId == Id && Id.Length > 0;

    public bool IsJoining => _joining is { IsCompleted: false };

    public bool IsSyncing => _syncing is { IsCompleted: false };

    /// <summary>What the leader gave it.</summary>
    public string Share => Encoding.UTF8.GetString(Sync.Assignment.Span);

    /// <summary>Joins and, told to come back with an id, comes back.</summary>
    public WireMember BeginJoin(CancellationToken cancellationToken = default)
    {
        _joining = broker.Start(() => broker.Wire.JoinGroupAsync(Call(), cancellationToken));
        if (_joining is { IsCompletedSuccessfully: true, Result.Error: ErrorCode.MemberIdRequired })
        {
            Id = _joining.Result.MemberId;
            _joining = broker.Start(() => broker.Wire.JoinGroupAsync(Call(), cancellationToken));
        }
        return this;
    }

    public JoinGroupAnswer EndJoin()
    {
        Join = Ended(_joining);
        if (Join.Error != ErrorCode.None)
            return Join;
        Id = Join.MemberId;
        Generation = Join.Generation;
        return Join;
    }

    public WireMember BeginSync()
    {
        MemberShare[] shares = [.. Join.Members.Select(member => new MemberShare(member.MemberId, Encoding.UTF8.GetBytes($"share of {member.MemberId}")))];
        _syncing = broker.Start(() => broker.Wire.SyncGroupAsync(
            new SyncGroupCall { Group = group, MemberId = Id, InstanceId = instanceId, Generation = Generation, Assignments = IsLeader ? shares : [] }, CancellationToken.None));
        return this;
    }

    public SyncGroupAnswer EndSync() => Sync = Ended(_syncing);

    /// <summary>A whole rebalance of a group that waits for nobody else.</summary>
    public WireMember Joined()
    {
        BeginJoin().EndJoin().Error.Should().Be(ErrorCode.None);
        BeginSync().EndSync().Error.Should().Be(ErrorCode.None);
        return this;
    }

    public ErrorCode Heartbeat(int? generation = null) =>
        broker.Run(() => broker.Wire.HeartbeatAsync(new GroupMember(group, Id, instanceId), generation ?? Generation));

    public ErrorCode Leave() => broker.Run(() => broker.Wire.LeaveGroupAsync(group, [new LeavingMember(Id, instanceId)])).Single();

    public ErrorCode Commit(long offset, int? generation = null, bool knowsMemberEpochs = false) => broker.Run(() => broker.Wire.CommitOffsetsAsync(new OffsetCommitCall
    {
        Group = group,
        MemberId = Id,
        InstanceId = instanceId,
        Generation = generation ?? Generation,
        Offsets = [new OffsetToCommit(WireBroker.First, offset)],
        KnowsMemberEpochs = knowsMemberEpochs,
    })).Single();

    private JoinGroupCall Call() => new()
    {
        Group = group,
        MemberId = Id,
        InstanceId = instanceId,
        ClientId = "client",
        ClientHost = "/127.0.0.1",
        SessionTimeoutMs = (int)SessionTimeout.TotalMilliseconds,
        RebalanceTimeoutMs = (int)RebalanceTimeout.TotalMilliseconds,
        ProtocolType = ProtocolType,
        Protocols = [.. Protocols.Select(name => new GroupProtocol(name, Subscription(Topics)))],
        RequiresKnownMemberId = KnowsTwoSteps,
        SupportsSkippingAssignment = KnowsSkipping,
    };

    private static byte[] Subscription(string[] topics)
    {
        var bytes = new List<byte> { 0, 0 };
        AddInt32(bytes, topics.Length);
        foreach (var topic in topics)
        {
            bytes.Add(0);
            bytes.Add((byte)topic.Length);
            bytes.AddRange(Encoding.UTF8.GetBytes(topic));
        }
        AddInt32(bytes, -1);
        return [.. bytes];
    }

    private static void AddInt32(List<byte> bytes, int value)
    {
        var four = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(four, value);
        bytes.AddRange(four);
    }

    private static T Ended<T>(Task<T>? call)
    {
        call!.IsCompleted.Should().BeTrue("the group has nothing to wait for");
        return call.GetAwaiter().GetResult();
    }
}
