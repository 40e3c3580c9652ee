using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>The classic group, rule by rule (wire.md 10.1).</summary>
public sealed class ClassicGroupTests
{
    private const string Group = "billing";

    private static readonly TimeSpan s_millisecond = TimeSpan.FromMilliseconds(1);

    private readonly WireBroker _broker = WireBroker.Open();

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
            _broker.Pass(TimeSpan.FromSeconds(5));
        _broker.Pass(s_millisecond);

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
            new(_broker, Group) { Protocols = ["range", "sticky", "own"] },
            new(_broker, Group) { Protocols = ["sticky", "range"] },
            new(_broker, Group) { Protocols = ["sticky", "range"] },
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

        _broker.Pass(TimeSpan.FromSeconds(30) - s_millisecond);
        prompt.IsJoining.Should().BeTrue();
        _broker.Pass(2 * s_millisecond);

        prompt.EndJoin().Members.Should().HaveCount(1);
        late.Heartbeat().Should().Be(ErrorCode.UnknownMemberId);
    }

    [Fact]
    public void A_static_member_that_does_not_come_back_stays_until_its_session_ends()
    {
        var (away, present) = (Member("i", sessionTimeout: TimeSpan.FromMinutes(5)).Joined(), Member("j", sessionTimeout: TimeSpan.FromMinutes(5)));
        present.BeginJoin();
        _broker.Pass(TimeSpan.FromSeconds(30) + s_millisecond);

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
            _broker.Pass(TimeSpan.FromSeconds(5));
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
        var joining = _broker.Start(() => _broker.Wire.JoinGroupAsync(Call() with { InstanceId = "k" }, CancellationToken.None));
        joining.IsCompleted.Should().BeFalse();
        var id = Describe().Members.Single(member => member.InstanceId == "k").MemberId;

        var again = _broker.Start(() => _broker.Wire.JoinGroupAsync(Call() with { InstanceId = "k", MemberId = id }, CancellationToken.None));

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
        _broker.Alone(hangUp.Cancel);
        gone.IsJoining.Should().BeFalse();

        first.BeginJoin();
        first.EndJoin().Members.Should().HaveCount(2, "a member is given up by the group's timers, not by a connection");
        first.BeginSync().EndSync().Error.Should().Be(ErrorCode.None);
        _broker.Pass(TimeSpan.FromSeconds(6));
        _broker.Pass(s_millisecond);
        first.Heartbeat().Should().Be(ErrorCode.RebalanceInProgress);
    }

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

        _broker.Pass(TimeSpan.FromSeconds(30) + s_millisecond);

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

        _broker.Run(() => _broker.Wire.SyncGroupAsync(
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
        new WireMember(_broker, "nothing") { Id = "m" }.Heartbeat(1).Should().Be(ErrorCode.UnknownMemberId);
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
            _broker.Pass(TimeSpan.FromSeconds(5));
            sign();
        }
        _broker.Pass(TimeSpan.FromSeconds(5));
        Describe().Members.Should().HaveCount(1);
        _broker.Pass(TimeSpan.FromSeconds(1));
        _broker.Pass(s_millisecond);
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

        _broker.Run(() => _broker.Wire.LeaveGroupAsync(Group, [new("", "i"), new("stranger", null), new("stranger", "j"), new(second.Id, "j")]))
            .Should().Equal(ErrorCode.None, ErrorCode.UnknownMemberId, ErrorCode.FencedInstanceId, ErrorCode.None);

        Describe().State.Should().Be("Empty");
        _broker.Run(() => _broker.Wire.LeaveGroupAsync("nothing", [new("m", null)])).Should().Equal(ErrorCode.UnknownMemberId);
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
        var restarted = new WireMember(_broker, Group, "i") { KnowsSkipping = knowsSkipping };

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
        broker.Pass(TimeSpan.FromSeconds(10) + s_millisecond);
        back.Heartbeat(member.Generation).Should().Be(ErrorCode.UnknownMemberId, "it had a session to come back in, and that is over");
        back.Id = "";
        back.Joined().Generation.Should().BeGreaterThan(member.Generation + 1, "generations never come twice");
    }

    [Fact]
    public void Nobody_is_left_waiting_when_the_broker_closes()
    {
        Member().Joined();
        var waiting = _broker.Start(() => _broker.Wire.JoinGroupAsync(Call() with { RequiresKnownMemberId = false }, CancellationToken.None));
        waiting.IsCompleted.Should().BeFalse();

        _broker.Alone(() => _ = _broker.Broker.DisposeAsync());

        waiting.Exception!.InnerException.Should().BeOfType<BrokerClosedException>();
    }

    // A timer that is due in the middle of a step sees the clock at its end.
    private static void PassSlowly(WireBroker broker, TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromMilliseconds(100))
            broker.Pass(TimeSpan.FromMilliseconds(100));
    }

    private WireMember Member(string? instanceId = null, bool knowsTwoSteps = true, TimeSpan? sessionTimeout = null) => new(_broker, Group, instanceId)
    {
        KnowsTwoSteps = knowsTwoSteps,
        SessionTimeout = sessionTimeout ?? TimeSpan.FromSeconds(10),
    };

    /// <summary>Brings all of them into one stable generation.</summary>
    private static void Rebalance(params WireMember[] members)
    {
        members[0].Joined();
        foreach (var member in members)
            if (member != members[0])
                member.BeginJoin();
        members[0].BeginJoin();
        foreach (var member in members)
            member.EndJoin().Error.Should().Be(ErrorCode.None);
        foreach (var member in members)
            member.BeginSync();
        foreach (var member in members)
            member.EndSync().Error.Should().Be(ErrorCode.None);
    }

    private ClassicGroupDescription Describe() => _broker.Run(() => _broker.Wire.DescribeGroupsAsync([Group])).Single();

    private JoinGroupAnswer Join(JoinGroupCall call) => _broker.Run(() => _broker.Wire.JoinGroupAsync(call, CancellationToken.None));

    private static JoinGroupCall Call() => new()
    {
        Group = Group,
        ClientId = "app",
        SessionTimeoutMs = 10_000,
        ProtocolType = "consumer",
        Protocols = [new("range", default)],
    };
}
