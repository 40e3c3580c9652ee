using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>Joining a classic group, rule by rule (wire.md 10.1).</summary>
public sealed class ClassicJoinTests : ClassicGroupUnderTest
{
    // Joining

    [Fact]
    public void A_first_join_is_given_an_id_to_come_back_with()
    {
        var answer = Join(new JoinGroupCall { Group = Group, ClientId = "app", SessionTimeoutMs = 10_000, ProtocolType = "consumer", Protocols = [new("range", default)] });

        answer.Error.Should().Be(ErrorCode.MemberIdRequired);
        answer.MemberId.Should().MatchRegex("^app-[0-9a-f]{8}-");
        answer.Generation.Should().Be(-1);
    }

    [Fact]
    public void An_old_client_joins_at_once()
    {
        var member = Member(knowsTwoSteps: false).BeginJoin();

        member.EndJoin().Should().Match<JoinGroupAnswer>(join => join.Error == ErrorCode.None && join.Generation == 1 && join.LeaderId == join.MemberId && join.Protocol == "range");
    }

    [Fact]
    public void A_static_member_joins_at_once()
    {
        var answer = Member("i").BeginJoin().EndJoin();

        answer.Error.Should().Be(ErrorCode.None);
        answer.MemberId.Should().StartWith("i-");
    }

    [Fact]
    public void An_id_that_was_handed_out_is_expected_and_forgotten_after_a_session()
    {
        var leader = Member().Joined();
        var pending = Join(Call());
        pending.Error.Should().Be(ErrorCode.MemberIdRequired);
        leader.BeginJoin();
        leader.IsJoining.Should().BeTrue("somebody was told to come back");

        for (var beat = 0; beat < 2; beat++)
            Broker.Pass(TimeSpan.FromSeconds(5));
        Broker.Pass(Millisecond);

        leader.EndJoin().Error.Should().Be(ErrorCode.None);
        Join(Call() with { MemberId = pending.MemberId }).Error.Should().Be(ErrorCode.UnknownMemberId);
    }

    [Theory]
    [InlineData("stranger", null, ErrorCode.UnknownMemberId)]
    [InlineData("stranger", "j", ErrorCode.UnknownMemberId)]
    [InlineData("stranger", "i", ErrorCode.FencedInstanceId)]
    public void A_member_that_the_group_does_not_know_is_told_so(string memberId, string? instanceId, ErrorCode expected)
    {
        Member("i").Joined();

        Join(Call() with { MemberId = memberId, InstanceId = instanceId }).Error.Should().Be(expected);
    }

    [Theory]
    [InlineData("consumer", "roundrobin", ErrorCode.InconsistentGroupProtocol)]
    [InlineData("connect", "range", ErrorCode.InconsistentGroupProtocol)]
    [InlineData("", "range", ErrorCode.InconsistentGroupProtocol)]
    public void Members_share_a_protocol(string type, string protocol, ErrorCode expected)
    {
        Member().Joined();

        Join(Call() with { ProtocolType = type, Protocols = [new(protocol, default)] }).Error.Should().Be(expected);
    }

    [Theory]
    [InlineData("", 10_000, ErrorCode.InvalidGroupId)]
    [InlineData(Group, 5_999, ErrorCode.InvalidSessionTimeout)]
    [InlineData(Group, 1_800_001, ErrorCode.InvalidSessionTimeout)]
    public void What_no_group_can_take_is_refused(string group, int sessionTimeoutMs, ErrorCode expected) =>
        Join(Call() with { Group = group, SessionTimeoutMs = sessionTimeoutMs }).Error.Should().Be(expected);

    [Fact]
    public void A_full_group_takes_nobody_else()
    {
        var broker = WireBroker.Open(settings: new WireSettings { GroupMembersMax = 1 });
        new WireMember(broker, Group).Joined();

        new WireMember(broker, Group).BeginJoin().EndJoin().Error.Should().Be(ErrorCode.GroupMaxSizeReached);
    }

    [Fact]
    public void A_group_that_would_be_larger_than_the_journal_can_write_takes_no_more_and_the_broker_lives()
    {
        var broker = WireBroker.Open(Place.Folder);
        var large = new JoinGroupCall
        {
            Group = Group,
            SessionTimeoutMs = 10_000,
            ProtocolType = "connect",
            Protocols = [new("range", new byte[300 << 10])],
            RequiresKnownMemberId = false,
        };

        broker.Run(() => broker.Wire.JoinGroupAsync(large, CancellationToken.None)).Error.Should().Be(ErrorCode.GroupMaxSizeReached);
        new WireMember(broker, Group).Joined().Generation.Should().Be(1);
    }

    [Fact]
    public void The_protocol_is_the_one_most_members_prefer_of_those_that_all_support()
    {
        WireMember[] members =
        [
            new(Broker, Group) { Protocols = ["range", "sticky", "own"] },
            new(Broker, Group) { Protocols = ["sticky", "range"] },
            new(Broker, Group) { Protocols = ["sticky", "range"] },
        ];
        Rebalance(members);

        members.Should().OnlyContain(member => member.Join.Protocol == "sticky");
        members.Single(member => member.IsLeader).Join.Members.Should().HaveCount(3);
        members.Where(member => !member.IsLeader).Should().OnlyContain(member => member.Join.Members.Count == 0);
    }

    // The join phase

    [Fact]
    public void A_rebalance_waits_for_all_known_members_and_keeps_the_leader()
    {
        var (first, second) = (Member().Joined(), Member());
        second.BeginJoin();

        second.IsJoining.Should().BeTrue();
        first.Heartbeat().Should().Be(ErrorCode.RebalanceInProgress);
        first.BeginJoin();

        first.EndJoin().Generation.Should().Be(2);
        second.EndJoin().Generation.Should().Be(2);
        first.IsLeader.Should().BeTrue();
        first.Join.Members.Select(member => member.MemberId).Should().Equal(first.Id, second.Id);
    }

    [Fact]
    public void Who_does_not_come_back_within_the_rebalance_timeout_is_left_out()
    {
        var (late, prompt) = (Member(sessionTimeout: TimeSpan.FromMinutes(5)).Joined(), Member());
        prompt.BeginJoin();

        Broker.Pass(TimeSpan.FromSeconds(30) - Millisecond);
        prompt.IsJoining.Should().BeTrue();
        Broker.Pass(2 * Millisecond);

        prompt.EndJoin().Members.Should().HaveCount(1);
        late.Heartbeat().Should().Be(ErrorCode.UnknownMemberId);
    }

    [Fact]
    public void A_static_member_that_does_not_come_back_stays_until_its_session_ends()
    {
        var (away, present) = (Member("i", sessionTimeout: TimeSpan.FromMinutes(5)).Joined(), Member("j", sessionTimeout: TimeSpan.FromMinutes(5)));
        present.BeginJoin();
        Broker.Pass(TimeSpan.FromSeconds(30) + Millisecond);

        present.EndJoin().Members.Select(member => member.InstanceId).Should().BeEquivalentTo("i", "j");
        present.BeginSync().EndSync().Error.Should().Be(ErrorCode.None);
        away.Heartbeat(generation: 2).Should().Be(ErrorCode.None);
    }

    [Fact]
    public void A_member_that_waits_does_not_expire()
    {
        var first = Member(sessionTimeout: TimeSpan.FromSeconds(6)).Joined();
        var second = Member(sessionTimeout: TimeSpan.FromSeconds(6));
        second.BeginJoin();
        first.BeginJoin();
        first.EndJoin();
        second.EndJoin();
        second.BeginSync();
        second.IsSyncing.Should().BeTrue();

        for (var beat = 0; beat < 5; beat++)
        {
            Broker.Pass(TimeSpan.FromSeconds(5));
            first.Heartbeat().Should().Be(ErrorCode.None);
        }
        first.BeginSync().EndSync().Error.Should().Be(ErrorCode.None);

        second.EndSync().Error.Should().Be(ErrorCode.None);
        second.Share.Should().Be($"share of {second.Id}");
        second.Heartbeat().Should().Be(ErrorCode.None);
    }

    [Fact]
    public void A_new_group_waits_for_company_as_long_as_somebody_keeps_coming()
    {
        var delay = TimeSpan.FromSeconds(3);
        var broker = WireBroker.Open(settings: new WireSettings { InitialRebalanceDelay = delay });
        WireMember[] members = [.. Enumerable.Range(0, 3).Select(_ => new WireMember(broker, Group))];

        foreach (var member in members)
        {
            member.BeginJoin();
            PassSlowly(broker, TimeSpan.FromSeconds(2));
            members[0].IsJoining.Should().BeTrue();
        }
        PassSlowly(broker, 2 * delay);

        members.Select(member => member.EndJoin().Generation).Should().Equal(1, 1, 1);
    }

    [Fact]
    public void Without_a_delay_a_group_of_one_is_ready_at_once() => Member().BeginJoin().EndJoin().Generation.Should().Be(1);

    [Fact]
    public void A_repeated_join_with_the_same_protocols_gets_the_same_answer_again()
    {
        var (first, second) = (Member(), Member());
        Rebalance(first, second);
        var follower = first.IsLeader ? second : first;
        var generation = follower.Generation;

        follower.BeginJoin().EndJoin().Generation.Should().Be(generation);
        follower.Heartbeat().Should().Be(ErrorCode.None);
    }

    [Fact]
    public void A_join_with_changed_protocols_or_by_the_leader_starts_a_rebalance()
    {
        var (first, second) = (Member(), Member());
        Rebalance(first, second);
        var (leader, follower) = first.IsLeader ? (first, second) : (second, first);

        follower.Topics = ["orders", "invoices"];
        follower.BeginJoin();
        follower.IsJoining.Should().BeTrue();
        leader.BeginJoin();
        leader.EndJoin().Generation.Should().Be(3);
        follower.EndJoin();
        leader.BeginSync();
        follower.BeginSync();

        leader.BeginJoin();
        leader.IsJoining.Should().BeTrue();
        follower.Heartbeat().Should().Be(ErrorCode.RebalanceInProgress);
    }

    [Fact]
    public void Who_asks_again_on_another_connection_is_answered_there_and_the_first_one_is_not_left_waiting()
    {
        Member().Joined();
        var old = Member(knowsTwoSteps: false);
        var joining = Broker.Start(() => Broker.Wire.JoinGroupAsync(Call() with { InstanceId = "k" }, CancellationToken.None));
        joining.IsCompleted.Should().BeFalse();
        var id = Describe().Members.Single(member => member.InstanceId == "k").MemberId;

        var again = Broker.Start(() => Broker.Wire.JoinGroupAsync(Call() with { InstanceId = "k", MemberId = id }, CancellationToken.None));

        joining.IsCompletedSuccessfully.Should().BeTrue();
        joining.Result.Error.Should().Be(ErrorCode.RebalanceInProgress);
        again.IsCompleted.Should().BeFalse();
        old.IsJoining.Should().BeFalse();
    }

    [Fact]
    public void Who_hangs_up_while_it_waits_is_not_answered_and_the_group_goes_on()
    {
        var first = Member().Joined();
        using var hangUp = new CancellationTokenSource();
        var gone = Member("gone", sessionTimeout: TimeSpan.FromSeconds(6));
        gone.BeginJoin(hangUp.Token);
        Broker.Alone(hangUp.Cancel);
        gone.IsJoining.Should().BeFalse();

        first.BeginJoin();
        first.EndJoin().Members.Should().HaveCount(2, "a member is given up by the group's timers, not by a connection");
        first.BeginSync().EndSync().Error.Should().Be(ErrorCode.None);
        Broker.Pass(TimeSpan.FromSeconds(6));
        Broker.Pass(Millisecond);
        first.Heartbeat().Should().Be(ErrorCode.RebalanceInProgress);
    }
}
