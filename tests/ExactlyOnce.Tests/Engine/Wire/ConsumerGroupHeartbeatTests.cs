using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Tests.Engine.Semantics;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>Consumer groups by heartbeat (KIP-848, wire.md 10.4).</summary>
public sealed class ConsumerGroupHeartbeatTests
{
    private const string Group = "billing";

    private static readonly TimeSpan s_millisecond = TimeSpan.FromMilliseconds(1);

    private readonly WireBroker _broker = WireBroker.Open();

    [Fact]
    public void A_member_that_joins_is_told_what_it_may_read_and_then_only_of_changes()
    {
        var member = Member("a");

        var joined = member.Join();

        joined.Should().Match<ConsumerHeartbeatAnswer>(answer => answer.Error == ErrorCode.None && answer.MemberId == "a" && answer.MemberEpoch == 1 && answer.HeartbeatIntervalMs == 5_000);
        member.Partitions.Should().Equal("orders/0", "orders/1");
        joined.Assignment!.Single().TopicId.Should().Be(_broker.Backend.TryGetTopic("orders")!.Id);
        member.Beat().Assignment.Should().BeNull();
        member.Beat(isFull: true).Assignment.Should().NotBeNull("who says everything anew has lost an answer");
    }

    [Fact]
    public void A_partition_goes_to_its_new_owner_when_the_old_one_has_given_it_up()
    {
        var (first, second) = (Member("a"), Member("b"));
        first.Join();

        second.Join().Error.Should().Be(ErrorCode.None);
        second.Partitions.Should().BeEmpty("it is still in other hands");
        first.Beat();
        first.Partitions.Should().HaveCount(1, "it is told to give one up");
        second.Beat();
        second.Partitions.Should().BeEmpty();
        first.Beat(isOwnedSaid: true).MemberEpoch.Should().Be(2);
        second.Beat().Assignment.Should().NotBeNull();

        second.Partitions.Should().HaveCount(1);
        first.Partitions.Concat(second.Partitions).Should().BeEquivalentTo("orders/0", "orders/1");
    }

    [Fact]
    public void A_partition_is_free_at_once_when_its_owner_leaves_is_silent_or_does_not_give_it_up()
    {
        foreach (var how in new Action<WireConsumer, WireConsumer>[]
        {
            (first, _) => first.Leave().Should().Match<ConsumerHeartbeatAnswer>(answer => answer.Error == ErrorCode.None && answer.MemberEpoch == -1),
            (_, second) => PassBeating(second, TimeSpan.FromSeconds(45)),
            (first, second) => PassBeating(second, TimeSpan.FromSeconds(30), first),
        })
        {
            var broker = WireBroker.Open();
            var first = new WireConsumer(broker, Group, "a") { RebalanceTimeout = TimeSpan.FromSeconds(25) };
            var second = new WireConsumer(broker, Group, "b");
            first.Join();
            second.Join();

            how(first, second);
            second.Beat();

            second.Partitions.Should().Equal("orders/0", "orders/1");
            first.Beat().Error.Should().Be(ErrorCode.UnknownMemberId);
        }

        void PassBeating(WireConsumer beating, TimeSpan time, WireConsumer? stubborn = null)
        {
            for (var passed = TimeSpan.Zero; passed <= time; passed += TimeSpan.FromSeconds(5))
            {
                beating.Broker.Pass(TimeSpan.FromSeconds(5));
                beating.Beat();
                stubborn?.Beat();
            }
        }
    }

    [Fact]
    public void An_epoch_that_is_not_the_members_is_fenced_unless_its_last_answer_was_lost()
    {
        var (first, second) = (Member("a"), Member("b"));
        first.Join();
        second.Join();
        first.Beat();
        first.Beat(isOwnedSaid: true).MemberEpoch.Should().Be(2);

        first.Beat(epoch: 1, isOwnedSaid: true).Should().Match<ConsumerHeartbeatAnswer>(answer => answer.Error == ErrorCode.None && answer.MemberEpoch == 2);
        first.Beat(epoch: 7).Error.Should().Be(ErrorCode.FencedMemberEpoch);
        first.Join().Error.Should().Be(ErrorCode.None, "it rejoins with epoch 0");
    }

    [Theory]
    [InlineData("", 0, ErrorCode.InvalidRequest)]
    [InlineData("m", -3, ErrorCode.InvalidRequest)]
    [InlineData("m", 5, ErrorCode.UnknownMemberId)]
    [InlineData("m", -1, ErrorCode.UnknownMemberId)]
    [InlineData("m", -2, ErrorCode.InvalidRequest)]
    public void What_makes_no_sense_is_refused(string memberId, int epoch, ErrorCode expected) =>
        Call(new ConsumerHeartbeatCall { Group = Group, MemberId = memberId, MemberEpoch = epoch, RebalanceTimeoutMs = 1_000, TopicNames = ["orders"] }).Error.Should().Be(expected);

    [Fact]
    public void Who_joins_says_what_it_wants_and_by_which_assignor()
    {
        var join = new ConsumerHeartbeatCall { Group = Group, MemberId = "m", MemberEpoch = 0, RebalanceTimeoutMs = 1_000, TopicNames = ["orders"] };

        Call(join with { TopicNames = null }).Error.Should().Be(ErrorCode.InvalidRequest);
        Call(join with { RebalanceTimeoutMs = -1 }).Error.Should().Be(ErrorCode.InvalidRequest);
        Call(join with { Assignor = "own" }).Error.Should().Be(ErrorCode.UnsupportedAssignor);
        Call(join with { TopicRegex = "(" }).Error.Should().Be(ErrorCode.InvalidRegularExpression);
        Call(join with { TopicRegex = @"(a)\1" }).Error.Should().Be(ErrorCode.InvalidRegularExpression, "it would not take linear time");
        Call(join with { Assignor = "range" }).Error.Should().Be(ErrorCode.None);
        Describe().Assignor.Should().Be("range");
    }

    [Fact]
    public void A_client_of_version_0_is_given_an_id()
    {
        var answer = Call(new ConsumerHeartbeatCall { Group = Group, MemberEpoch = 0, RebalanceTimeoutMs = 1_000, TopicNames = ["orders"], MayLackMemberId = true });

        answer.Error.Should().Be(ErrorCode.None);
        answer.MemberId.Should().NotBeNullOrEmpty();
    }

    [Fact]
    public void A_static_member_keeps_its_partitions_while_it_is_away_and_its_instance_is_nobody_elses()
    {
        var first = new WireConsumer(_broker, Group, "a", "i");
        first.Join();
        new WireConsumer(_broker, Group, "b", "i").Join().Error.Should().Be(ErrorCode.UnreleasedInstanceId);

        first.Leave(forAWhile: true).Should().Match<ConsumerHeartbeatAnswer>(answer => answer.Error == ErrorCode.None && answer.MemberEpoch == -2);
        var back = new WireConsumer(_broker, Group, "b", "i");
        back.Join().Error.Should().Be(ErrorCode.None);

        back.Partitions.Should().Equal("orders/0", "orders/1");
        first.Beat().Error.Should().Be(ErrorCode.FencedInstanceId);
    }

    [Fact]
    public void A_topic_that_comes_later_or_grows_is_read_from_the_next_heartbeat_on()
    {
        var (byName, byPattern) = (Member("a", topics: ["later"]), new WireConsumer(_broker, "another", "b") { Topics = null, Regex = "or.*|lat.r" });
        byName.Join();
        byPattern.Join();
        byName.Partitions.Should().BeEmpty();
        byPattern.Partitions.Should().Equal("orders/0", "orders/1");

        _broker.CreateTopic("later");
        _broker.CreateTopic("not-later");
        byName.Beat();
        byPattern.Beat();
        byName.Partitions.Should().Equal("later/0");
        byPattern.Partitions.Should().Equal("later/0", "orders/0", "orders/1");

        _broker.Environment.Run(() => _broker.Backend.AddPartitionsAsync("later", 2, CancellationToken.None).AsTask());
        byName.Beat();
        byName.Partitions.Should().Equal("later/0", "later/1");

        _broker.DeleteTopic("orders");
        byPattern.Beat();
        byPattern.Beat(isOwnedSaid: true);
        byPattern.Partitions.Should().Equal("later/0", "later/1");
    }

    [Fact]
    public void A_subscription_can_be_changed_and_a_pattern_taken_back()
    {
        var member = new WireConsumer(_broker, Group, "a") { Topics = ["orders"], Regex = "inv.*" };
        member.Join();
        member.Partitions.Should().Equal("invoices/0", "orders/0", "orders/1");

        member.Beat(regex: "");
        member.Beat(isOwnedSaid: true);

        member.Partitions.Should().Equal("orders/0", "orders/1");
        Describe().Members.Single().Should().Match<ConsumerMemberDescription>(described => described.TopicRegex == null && described.TopicNames.Single() == "orders");
    }

    [Fact]
    public void Offsets_are_fenced_by_member_epochs()
    {
        var member = Member("a");
        member.Join();

        Commit(memberId: "a", epoch: 1).Should().Be(ErrorCode.None);
        Commit(memberId: "a", epoch: 2).Should().Be(ErrorCode.StaleMemberEpoch);
        Commit(memberId: "a", epoch: 2, knowsMemberEpochs: false).Should().Be(ErrorCode.UnsupportedVersion);
        Commit(memberId: "x", epoch: 1).Should().Be(ErrorCode.UnknownMemberId);
        Commit(memberId: "", epoch: -1).Should().Be(ErrorCode.UnknownMemberId);
        Fetch("a", 1).Error.Should().Be(ErrorCode.None);
        Fetch("a", 0).Error.Should().Be(ErrorCode.StaleMemberEpoch);
        Fetch("x", 1).Error.Should().Be(ErrorCode.UnknownMemberId);
        var producer = new WireProducer(_broker, generation: WireGeneration.V2).Ready();
        producer.Offsets(Group, new OffsetToCommit(WireBroker.First, 9), memberGeneration: 2, "a").Should().Equal(ErrorCode.IllegalGeneration);
        producer.Offsets(Group, new OffsetToCommit(WireBroker.First, 9), memberGeneration: 1, "a").Should().Equal(ErrorCode.None);
    }

    [Fact]
    public void A_group_has_one_kind_as_long_as_it_has_members()
    {
        var member = Member("a");
        member.Join();
        new WireMember(_broker, Group).BeginJoin().EndJoin().Error.Should().Be(ErrorCode.InconsistentGroupProtocol);
        member.Leave();

        new WireMember(_broker, Group).Joined().Generation.Should().BeGreaterThan(1, "the generation goes on where the epoch stood");
        Member("b").Join().Error.Should().Be(ErrorCode.InconsistentGroupProtocol);
    }

    [Fact]
    public void Members_in_this_process_and_behind_connections_share_a_group()
    {
        _broker.Environment.Run(async () =>
        {
            await using var own = await _broker.Backend.JoinGroupAsync(new() { Group = Group, Topics = ["orders"] }, CancellationToken.None);
            own.Assignment.Partitions.Should().HaveCount(2);
            var remote = Member("zz");
            remote.Join();
            remote.Partitions.Should().BeEmpty();

            own.IsChangePending.Should().BeTrue();
            (await own.ReconcileAsync(CancellationToken.None)).Partitions.Should().HaveCount(1);
            remote.Beat();

            remote.Partitions.Should().HaveCount(1);
        });
    }

    [Fact]
    public void Groups_are_described_as_they_stand()
    {
        var member = new WireConsumer(_broker, Group, "a", "i") { Rack = "r1" };
        member.Join();

        var group = Describe();

        group.Should().Match<ConsumerGroupDescription>(described =>
            described.Error == ErrorCode.None && described.State == "Stable" && described.GroupEpoch == 1 && described.AssignmentEpoch == 1 && described.Assignor == "uniform");
        group.Members.Single().Should().Match<ConsumerMemberDescription>(described =>
            described.MemberId == "a" && described.InstanceId == "i" && described.RackId == "r1" && described.MemberEpoch == 1 && described.ClientHost == "/127.0.0.1");
        group.Members.Single().Assignment.Single().Should().BeEquivalentTo(group.Members.Single().Target.Single());
        group.Members.Single().Assignment.Single().Should().Match<AssignedTopic>(topic => topic.TopicName == "orders" && topic.Partitions.Count == 2);
        _broker.Run(() => _broker.Wire.ListGroupsAsync()).Should().Equal(new GroupListing(Group, "consumer", "Stable", "Consumer"));
        _broker.Run(() => _broker.Wire.DescribeGroupsAsync([Group])).Single().Error.Should().Be(ErrorCode.GroupIdNotFound, "it is no classic group");
        _broker.Run(() => _broker.Wire.DescribeConsumerGroupsAsync(["nothing"])).Single().Should().Match<ConsumerGroupDescription>(
            described => described.Error == ErrorCode.GroupIdNotFound && described.State == "Dead");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Members_go_on_after_the_broker_was_opened_again_and_those_who_do_not_come_back_lose_their_partitions(bool isClean)
    {
        var broker = WireBroker.Open(Place.Folder);
        var (first, second) = (new WireConsumer(broker, Group, "a"), new WireConsumer(broker, Group, "b"));
        first.Join();
        second.Join();
        first.Beat();
        first.Beat(isOwnedSaid: true);
        second.Beat();

        broker = isClean ? broker.Reopen() : broker.Revive();
        var back = first.On(broker);

        back.Beat().Error.Should().Be(ErrorCode.None);
        for (var i = 0; i < 9; i++)
        {
            broker.Pass(TimeSpan.FromSeconds(5));
            back.Beat();
        }
        broker.Pass(s_millisecond);
        back.Beat();
        back.Partitions.Should().Equal("orders/0", "orders/1");
    }

    private WireConsumer Member(string id, string[]? topics = null) => new(_broker, Group, id) { Topics = topics ?? ["orders"] };

    private ConsumerHeartbeatAnswer Call(ConsumerHeartbeatCall call) => _broker.Run(() => _broker.Wire.ConsumerGroupHeartbeatAsync(call));

    private ConsumerGroupDescription Describe() => _broker.Run(() => _broker.Wire.DescribeConsumerGroupsAsync([Group])).Single();

    private ErrorCode Commit(string memberId, int epoch, bool knowsMemberEpochs = true) => _broker.Run(() => _broker.Wire.CommitOffsetsAsync(
        new OffsetCommitCall { Group = Group, MemberId = memberId, Generation = epoch, Offsets = [new(WireBroker.First, 1)], KnowsMemberEpochs = knowsMemberEpochs })).Single();

    private OffsetFetchAnswer Fetch(string memberId, int epoch) =>
        _broker.Run(() => _broker.Wire.FetchOffsetsAsync(new OffsetFetchCall { Group = Group, MemberId = memberId, MemberEpoch = epoch }));
}
