using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Testing.Disks;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>Living in a classic group, rule by rule (wire.md 10.1): sync, heartbeats, leaving, static members, the next run of the broker.</summary>
public sealed class ClassicMemberTests : ClassicGroupUnderTest
{
    // The sync phase

    [Fact]
    public void Followers_wait_for_the_leaders_assignment_and_each_gets_its_own()
    {
        var (first, second) = (Member(), Member());
        Rebalance(first, second);

        first.Share.Should().Be($"share of {first.Id}");
        second.Share.Should().Be($"share of {second.Id}");
        second.BeginSync().EndSync().Error.Should().Be(ErrorCode.None, "a stable group answers again");
        second.Share.Should().Be($"share of {second.Id}");
    }

    [Fact]
    public void Who_sends_no_sync_within_the_rebalance_timeout_is_left_out()
    {
        var (first, second) = (Member(sessionTimeout: TimeSpan.FromMinutes(5)), Member(sessionTimeout: TimeSpan.FromMinutes(5)));
        first.BeginJoin();
        first.EndJoin();
        second.BeginJoin();
        first.BeginJoin();
        first.EndJoin();
        second.EndJoin();
        first.BeginSync().EndSync().Error.Should().Be(ErrorCode.None);

        Broker.Pass(TimeSpan.FromSeconds(30) + Millisecond);

        second.Heartbeat().Should().Be(ErrorCode.UnknownMemberId);
        first.Heartbeat().Should().Be(ErrorCode.RebalanceInProgress);
    }

    [Fact]
    public void A_rebalance_that_begins_while_followers_wait_sends_them_back_to_join()
    {
        var (first, second) = (Member(), Member());
        first.BeginJoin();
        first.EndJoin();
        second.BeginJoin();
        first.BeginJoin();
        first.EndJoin();
        second.EndJoin();
        second.BeginSync();

        Member().BeginJoin();

        second.EndSync().Error.Should().Be(ErrorCode.RebalanceInProgress);
        first.BeginSync().EndSync().Error.Should().Be(ErrorCode.RebalanceInProgress);
    }

    [Theory]
    [InlineData("stranger", 0, "consumer", "range", ErrorCode.UnknownMemberId)]
    [InlineData(null, 1, "consumer", "range", ErrorCode.IllegalGeneration)]
    [InlineData(null, 0, "connect", "range", ErrorCode.InconsistentGroupProtocol)]
    [InlineData(null, 0, "consumer", "sticky", ErrorCode.InconsistentGroupProtocol)]
    [InlineData(null, 0, "consumer", "range", ErrorCode.None)]
    [InlineData(null, 0, null, null, ErrorCode.None)]
    public void A_sync_has_to_fit_its_generation(string? memberId, int apart, string? type, string? protocol, ErrorCode expected)
    {
        var member = Member().Joined();

        Broker.Run(() => Broker.Wire.SyncGroupAsync(
            new SyncGroupCall { Group = Group, MemberId = memberId ?? member.Id, Generation = member.Generation + apart, ProtocolType = type, Protocol = protocol },
            CancellationToken.None)).Error.Should().Be(expected);
    }

    // Heartbeats and leaving

    [Theory]
    [InlineData(0, ErrorCode.None)]
    [InlineData(1, ErrorCode.IllegalGeneration)]
    [InlineData(-1, ErrorCode.IllegalGeneration)]
    public void A_heartbeat_names_the_generation(int apart, ErrorCode expected)
    {
        var member = Member().Joined();

        member.Heartbeat(member.Generation + apart).Should().Be(expected);
    }

    [Fact]
    public void A_heartbeat_is_heard_while_the_leader_computes()
    {
        var member = Member().BeginJoin();
        member.EndJoin();

        member.Heartbeat().Should().Be(ErrorCode.None);
    }

    [Fact]
    public void A_heartbeat_to_a_group_that_is_empty_or_unknown_is_nobodys()
    {
        new WireMember(Broker, "nothing") { Id = "m" }.Heartbeat(1).Should().Be(ErrorCode.UnknownMemberId);
        var member = Member().Joined();
        member.Leave().Should().Be(ErrorCode.None);
        member.Heartbeat().Should().Be(ErrorCode.UnknownMemberId);
    }

    [Fact]
    public void Everything_that_is_heard_of_a_member_renews_its_session()
    {
        var member = Member(sessionTimeout: TimeSpan.FromSeconds(6)).Joined();
        Action[] signs =
        [
            () => member.Heartbeat().Should().Be(ErrorCode.None),
            () => member.Commit(1).Should().Be(ErrorCode.None),
            () => member.BeginSync().EndSync().Error.Should().Be(ErrorCode.None),
            () => member.BeginJoin().EndJoin().Error.Should().Be(ErrorCode.None),
        ];

        foreach (var sign in signs)
        {
            Broker.Pass(TimeSpan.FromSeconds(5));
            sign();
        }
        Broker.Pass(TimeSpan.FromSeconds(5));
        Describe().Members.Should().HaveCount(1);
        Broker.Pass(TimeSpan.FromSeconds(1));
        Broker.Pass(Millisecond);
        Describe().Should().Match<ClassicGroupDescription>(group => group.State == "Empty" && group.Members.Count == 0);
    }

    [Fact]
    public void Leaving_lets_the_others_rebalance_at_once()
    {
        var (first, second) = (Member(), Member());
        Rebalance(first, second);

        second.Leave().Should().Be(ErrorCode.None);

        first.Heartbeat().Should().Be(ErrorCode.RebalanceInProgress);
        first.BeginJoin().EndJoin().Members.Should().HaveCount(1);
    }

    [Fact]
    public void Several_leave_in_one_call_and_an_administrator_names_instances()
    {
        var (first, second) = (Member("i"), Member("j"));
        Rebalance(first, second);

        Broker.Run(() => Broker.Wire.LeaveGroupAsync(Group, [new("", "i"), new("stranger", null), new("stranger", "j"), new(second.Id, "j")]))
            .Should().Equal(ErrorCode.None, ErrorCode.UnknownMemberId, ErrorCode.FencedInstanceId, ErrorCode.None);

        Describe().State.Should().Be("Empty");
        Broker.Run(() => Broker.Wire.LeaveGroupAsync("nothing", [new("m", null)])).Should().Equal(ErrorCode.UnknownMemberId);
    }

    // Static members

    [Fact]
    public void A_static_member_that_comes_back_takes_its_place_without_a_rebalance_and_its_old_self_is_fenced()
    {
        var (first, second) = (Member("i"), Member("j"));
        Rebalance(first, second);
        var restarted = second.IsLeader ? Member("i") : Member("j");
        var before = second.IsLeader ? first : second;

        restarted.BeginJoin().EndJoin().Generation.Should().Be(before.Generation);
        restarted.Id.Should().NotBe(before.Id);
        restarted.BeginSync().EndSync();

        restarted.Share.Should().Be(before.Share);
        before.Heartbeat().Should().Be(ErrorCode.FencedInstanceId);
        (second.IsLeader ? second : first).Heartbeat().Should().Be(ErrorCode.None);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_static_leader_that_comes_back_is_told_that_it_leads_only_if_it_can_keep_the_assignment(bool knowsSkipping)
    {
        var leader = Member("i").Joined();
        var restarted = new WireMember(Broker, Group, "i") { KnowsSkipping = knowsSkipping };

        var join = restarted.BeginJoin().EndJoin();

        join.Generation.Should().Be(leader.Generation);
        join.SkipAssignment.Should().Be(knowsSkipping);
        join.LeaderId.Should().Be(knowsSkipping ? restarted.Id : leader.Id);
        join.Members.Should().HaveCount(knowsSkipping ? 1 : 0);
    }

    [Fact]
    public void A_static_member_that_comes_back_with_another_subscription_makes_a_rebalance()
    {
        var (first, second) = (Member("i"), Member("j"));
        Rebalance(first, second);
        var restarted = Member("j");
        restarted.Topics = ["invoices"];

        restarted.BeginJoin();

        restarted.IsJoining.Should().BeTrue();
        first.Heartbeat().Should().Be(ErrorCode.RebalanceInProgress);
    }

    [Fact]
    public void A_static_member_that_is_taken_over_while_it_waits_is_told_at_once()
    {
        Member("i").Joined();
        var waiting = Member("j");
        waiting.BeginJoin();

        Member("j").BeginJoin();

        waiting.EndJoin().Error.Should().Be(ErrorCode.FencedInstanceId);
    }

    // Across runs

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_stable_group_goes_on_after_the_broker_was_opened_again(bool isClean)
    {
        var broker = WireBroker.Open(Place.Folder);
        var member = new WireMember(broker, Group).Joined();

        broker = isClean ? broker.Reopen() : broker.Revive();
        var back = new WireMember(broker, Group) { Id = member.Id };

        back.Heartbeat(member.Generation).Should().Be(ErrorCode.None);
        back.Commit(5, member.Generation).Should().Be(ErrorCode.None);
        broker.Pass(TimeSpan.FromSeconds(10) + Millisecond);
        back.Heartbeat(member.Generation).Should().Be(ErrorCode.UnknownMemberId, "it had a session to come back in, and that is over");
        back.Id = "";
        back.Joined().Generation.Should().BeGreaterThan(member.Generation + 1, "generations never come twice");
    }

    [Fact]
    public void Nobody_is_left_waiting_when_the_disk_fails()
    {
        var broker = WireBroker.Open(Place.Folder);
        var first = new WireMember(broker, Group).Joined();
        var waiting = broker.Start(() => broker.Wire.JoinGroupAsync(Call() with { RequiresKnownMemberId = false }, CancellationToken.None));
        waiting.IsCompleted.Should().BeFalse();

        broker.Disk.Plan(new PlannedFault(DiskOperations.Sync, 1, FaultKind.IoError));
        broker.Start(() => broker.Wire.LeaveGroupAsync(Group, [new LeavingMember(first.Id, null)])).IsFaulted.Should().BeTrue();

        waiting.IsFaulted.Should().BeTrue();
        waiting.Exception!.InnerException.Should().BeOfType<StorageException>();
        broker.Start(() => broker.Wire.HeartbeatAsync(new GroupMember(Group, first.Id, null), 1)).Exception!.InnerException.Should().BeOfType<StorageException>();
    }

    [Fact]
    public void Nobody_is_left_waiting_when_the_broker_closes()
    {
        Member().Joined();
        var waiting = Broker.Start(() => Broker.Wire.JoinGroupAsync(Call() with { RequiresKnownMemberId = false }, CancellationToken.None));
        waiting.IsCompleted.Should().BeFalse();

        Broker.Alone(() => _ = Broker.Broker.DisposeAsync());

        waiting.Exception!.InnerException.Should().BeOfType<BrokerClosedException>();
    }
}
