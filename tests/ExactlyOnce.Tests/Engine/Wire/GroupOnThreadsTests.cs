using System.Text;
using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>Classic groups on real threads: whoever waits is answered.</summary>
public sealed class GroupOnThreadsTests
{
    private const int Members = 6;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(Place.Memory, 300)]
    [InlineData(Place.Folder, 10)]
    public async Task Members_that_come_at_the_same_time_come_to_one_generation_and_nobody_is_left_waiting(Place place, int rounds)
    {
        await using var broker = await TestBroker.OpenAsync(place);
        var wire = broker.Backend.OpenWire(new WireSettings());
        for (var round = 0; round < rounds; round++)
        {
            using var settled = new CountdownEvent(Members);
            var group = $"group {round}";
            await Task.WhenAll(Enumerable.Range(0, Members).Select(_ => Task.Run(() => LiveAsync(wire, group, settled)))).WaitAsync(s_patience);
            (await wire.DescribeGroupsAsync([group])).Single().Members.Should().HaveCount(Members);
        }
    }

    [Fact]
    public async Task A_broker_that_closes_while_members_join_leaves_nobody_waiting()
    {
        for (var round = 0; round < 20; round++)
        {
            await using var broker = await TestBroker.OpenAsync();
            var wire = broker.Backend.OpenWire(new WireSettings());
            await JoinAsync(wire, "group", "");
            var joining = Enumerable.Range(0, Members).Select(_ => Task.Run(() => JoinAsync(wire, "group", ""))).ToArray();

            await broker.Broker.DisposeAsync();

            foreach (var join in joining)
                await FluentActions.Awaiting(() => join.WaitAsync(s_patience)).Should().ThrowAsync<BrokerClosedException>();
        }
    }

    /// <summary>Follows its group until everybody has seen the generation that everybody is in.</summary>
    private static async Task LiveAsync(WireBackend wire, string group, CountdownEvent settled)
    {
        var id = "";
        var isSettled = false;
        while (true)
        {
            var join = await JoinAsync(wire, group, id);
            join.Error.Should().Be(ErrorCode.None);
            id = join.MemberId;
            var share = Encoding.UTF8.GetBytes($"{join.Members.Count}");
            var sync = await wire.SyncGroupAsync(
                new SyncGroupCall
                {
                    Group = group,
                    MemberId = id,
                    Generation = join.Generation,
                    Assignments = [.. join.Members.Select(member => new MemberShare(member.MemberId, share))],
                },
                CancellationToken.None);
            if (sync.Error == ErrorCode.None && !isSettled && Encoding.UTF8.GetString(sync.Assignment.Span) == $"{Members}")
            {
                isSettled = true;
                settled.Signal();
            }
            while (await wire.HeartbeatAsync(new GroupMember(group, id, null), join.Generation) == ErrorCode.None)
            {
                if (settled.IsSet)
                    return;
                await Task.Yield();
            }
        }
    }

    private static async Task<JoinGroupAnswer> JoinAsync(WireBackend wire, string group, string id) => await wire.JoinGroupAsync(
        new JoinGroupCall
        {
            Group = group,
            MemberId = id,
            SessionTimeoutMs = 10_000,
            RebalanceTimeoutMs = 60_000,
            ProtocolType = "consumer",
            Protocols = [new("range", default)],
            RequiresKnownMemberId = false,
        },
        CancellationToken.None);
}
