using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Engine;
using ExactlyOnce.Tests.Engine.Semantics;
using static ExactlyOnce.Tests.Engine.Wire.WireBroker;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>Plain offsets of groups: who may commit (wire.md 10.2), who is told what, what is deleted and when.</summary>
public sealed class GroupOffsetTests
{
    private const string Group = "billing";

    private readonly WireBroker _broker = Open();

    [Fact]
    public void Who_is_no_member_commits_for_a_group_without_members()
    {
        Commit(First, 5).Should().Be(ErrorCode.None);
        Commit(First, 3).Should().Be(ErrorCode.None, "tools reset groups");

        _broker.Committed(Group, First).Should().Be(new FetchedPartitionOffset(First, ErrorCode.None, 3, -1, ""));
    }

    [Fact]
    public void Who_is_no_member_commits_nothing_for_a_group_with_members()
    {
        new WireMember(_broker, Group).Joined();

        Commit(First, 5).Should().Be(ErrorCode.UnknownMemberId);
        _broker.Committed(Group, First).Offset.Should().Be(-1);
    }

    [Fact]
    public void Who_is_no_member_commits_again_once_all_have_left()
    {
        new WireMember(_broker, Group).Joined().Leave().Should().Be(ErrorCode.None);

        Commit(First, 5).Should().Be(ErrorCode.None);
    }

    [Fact]
    public void A_member_commits_under_its_generation_id_and_instance()
    {
        var member = new WireMember(_broker, Group, "i").Joined();

        member.Commit(1).Should().Be(ErrorCode.None);
        member.Commit(2, member.Generation - 1).Should().Be(ErrorCode.IllegalGeneration);
        member.Commit(2, member.Generation + 1).Should().Be(ErrorCode.IllegalGeneration);
        new WireMember(_broker, Group) { Id = "stranger" }.Commit(2, member.Generation).Should().Be(ErrorCode.UnknownMemberId);
        new WireMember(_broker, Group, "i") { Id = "stranger" }.Commit(2, member.Generation).Should().Be(ErrorCode.FencedInstanceId);
        _broker.Committed(Group, First).Offset.Should().Be(1);
    }

    [Fact]
    public void Commits_are_taken_while_members_join_and_not_while_the_leader_computes()
    {
        var member = new WireMember(_broker, Group).Joined();
        var other = new WireMember(_broker, Group);
        other.BeginJoin();
        member.Commit(1).Should().Be(ErrorCode.None, "it gives up its partitions and says how far it came");

        member.BeginJoin();
        member.EndJoin();
        other.EndJoin();

        member.Commit(2).Should().Be(ErrorCode.RebalanceInProgress);
        other.Commit(2, member.Generation - 1).Should().Be(ErrorCode.IllegalGeneration);
        _broker.Committed(Group, First).Offset.Should().Be(1);
    }

    [Theory]
    [InlineData(false, ErrorCode.IllegalGeneration)]
    [InlineData(true, ErrorCode.GroupIdNotFound)]
    public void A_generation_of_an_unknown_group_is_told_as_the_version_knows_it(bool knowsMemberEpochs, ErrorCode expected) =>
        new WireMember(_broker, "nothing") { Id = "m" }.Commit(1, generation: 4, knowsMemberEpochs).Should().Be(expected);

    [Fact]
    public void Each_offset_is_judged_by_itself_and_what_concerns_the_caller_stands_at_each()
    {
        var offsets = new OffsetToCommit[] { new(First, 1), new(Missing, 2), new(Second, 3, Metadata: new string('x', 4_097)), new(new("orders", 2), 4) };

        _broker.Run(() => _broker.Wire.CommitOffsetsAsync(new OffsetCommitCall { Group = Group, Offsets = offsets }))
            .Should().Equal(ErrorCode.None, ErrorCode.UnknownTopicOrPartition, ErrorCode.OffsetMetadataTooLarge, ErrorCode.UnknownTopicOrPartition);
        _broker.Run(() => _broker.Wire.CommitOffsetsAsync(new OffsetCommitCall { Group = Group, Offsets = offsets, Generation = 3, MemberId = "m" }))
            .Should().Equal(ErrorCode.UnknownMemberId, ErrorCode.UnknownTopicOrPartition, ErrorCode.UnknownMemberId, ErrorCode.UnknownTopicOrPartition);
    }

    [Fact]
    public void A_fetch_names_partitions_or_gets_all_there_are()
    {
        Commit(Second, 7, leaderEpoch: 2, "seven");
        Commit(First, 5);

        Fetch(new OffsetFetchCall { Group = Group, Partitions = [Missing, Second, new("invoices", 0)] }).Should().Equal(
            new FetchedPartitionOffset(Missing, ErrorCode.None, -1, -1, ""),
            new FetchedPartitionOffset(Second, ErrorCode.None, 7, 2, "seven"),
            new FetchedPartitionOffset(new("invoices", 0), ErrorCode.None, -1, -1, ""));
        Fetch(new OffsetFetchCall { Group = Group }).Select(offset => (offset.Partition, offset.Offset)).Should().Equal((First, 5), (Second, 7));
        Fetch(new OffsetFetchCall { Group = "nothing" }).Should().BeEmpty();
        Fetch(new OffsetFetchCall { Group = "nothing", Partitions = [First] }).Single().Offset.Should().Be(-1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Offsets_are_there_when_the_broker_is_opened_again(bool isClean)
    {
        var broker = Open(Place.Folder);
        new WireMember(broker, Group).Joined().Commit(5).Should().Be(ErrorCode.None);

        broker = isClean ? broker.Reopen() : broker.Revive();

        broker.Committed(Group, First).Offset.Should().Be(5);
    }

    [Fact]
    public void Offsets_of_a_group_live_as_long_as_it_has_members_and_a_retention_time_longer()
    {
        var retention = TimeSpan.FromHours(1);
        var broker = Open(options: options => options with { OffsetsRetention = retention });
        var member = new WireMember(broker, Group) { SessionTimeout = TimeSpan.FromMinutes(30) }.Joined();
        member.Commit(5).Should().Be(ErrorCode.None);
        for (var i = 0; i < 6; i++)
        {
            broker.Pass(TimeSpan.FromMinutes(20));
            member.Heartbeat().Should().Be(ErrorCode.None);
        }
        Expire(broker);
        broker.Committed(Group, First).Offset.Should().Be(5);

        member.Leave();
        broker.Pass(retention - TimeSpan.FromMinutes(1));
        Expire(broker);
        broker.Committed(Group, First).Offset.Should().Be(5);

        broker.Pass(TimeSpan.FromMinutes(1));
        Expire(broker);
        broker.Committed(Group, First).Offset.Should().Be(-1);
        broker.Run(() => broker.Wire.ListGroupsAsync()).Should().BeEmpty();
    }

    [Fact]
    public void Groups_with_members_are_not_deleted_and_unknown_ones_are_not_there()
    {
        var member = new WireMember(_broker, Group).Joined();
        member.Commit(5);

        Delete(Group).Should().Be(ErrorCode.NonEmptyGroup);
        Delete("nothing").Should().Be(ErrorCode.GroupIdNotFound);
        member.Leave();
        Delete(Group).Should().Be(ErrorCode.None);
        Delete(Group).Should().Be(ErrorCode.GroupIdNotFound);
        _broker.Committed(Group, First).Offset.Should().Be(-1);
    }

    [Fact]
    public void Deleting_a_group_deletes_what_transactions_hold_for_it()
    {
        var producer = new WireProducer(_broker, generation: WireGeneration.V2).Ready();
        producer.Offsets(Group, new OffsetToCommit(First, 7));

        Delete(Group).Should().Be(ErrorCode.None);
        producer.End(commit: true).Error.Should().Be(ErrorCode.None);

        _broker.Committed(Group, First).Offset.Should().Be(-1);
    }

    [Fact]
    public void Offsets_of_topics_that_a_member_reads_are_not_deleted()
    {
        var invoices = new TopicPartition("invoices", 0);
        Commit(First, 1);
        Commit(invoices, 2);
        new WireMember(_broker, Group) { Topics = ["orders"] }.Joined();

        var answer = _broker.Run(() => _broker.Wire.DeleteOffsetsAsync(Group, [First, Missing, invoices]));

        answer.Error.Should().Be(ErrorCode.None);
        answer.Partitions.Should().Equal(ErrorCode.GroupSubscribedToTopic, ErrorCode.UnknownTopicOrPartition, ErrorCode.None);
        _broker.Committed(Group, First).Offset.Should().Be(1);
        _broker.Committed(Group, invoices).Offset.Should().Be(-1);
        _broker.Run(() => _broker.Wire.DeleteOffsetsAsync("nothing", [First])).Error.Should().Be(ErrorCode.GroupIdNotFound);
    }

    [Fact]
    public void Groups_are_described_as_they_stand()
    {
        Commit(First, 1, group: "offsets only");
        var member = new WireMember(_broker, Group, "i");
        member.BeginJoin();
        member.EndJoin();
        Describe(Group).Should().Match<ClassicGroupDescription>(group => group.State == "CompletingRebalance" && group.Protocol == "" && group.Members.Single().Assignment.Length == 0);
        member.BeginSync().EndSync();

        var stable = Describe(Group);

        stable.Should().Match<ClassicGroupDescription>(group => group.State == "Stable" && group.ProtocolType == "consumer" && group.Protocol == "range" && group.Error == ErrorCode.None);
        stable.Members.Should().ContainSingle().Which.Should().Match<ClassicMemberDescription>(described =>
            described.MemberId == member.Id && described.InstanceId == "i" && described.ClientId == "client" && described.ClientHost == "/127.0.0.1" && described.Assignment.Length > 0);
        Describe("offsets only").Should().Match<ClassicGroupDescription>(group => group.State == "Empty" && group.ProtocolType == "");
        Describe("nothing").Should().Match<ClassicGroupDescription>(group => group.State == "Dead" && group.Error == ErrorCode.GroupIdNotFound);
        _broker.Run(() => _broker.Wire.ListGroupsAsync()).Should().Equal(
            new GroupListing(Group, "consumer", "Stable", "Classic"), new GroupListing("offsets only", "", "Empty", "Classic"));
    }

    private static void Expire(WireBroker broker) => broker.Alone(() => broker.Backend.Engine.ExpireIdle(broker.Backend.Engine.NowMs));

    private ErrorCode Commit(TopicPartition partition, long offset, int leaderEpoch = -1, string? metadata = null, string group = Group) =>
        _broker.Run(() => _broker.Wire.CommitOffsetsAsync(new OffsetCommitCall { Group = group, Offsets = [new(partition, offset, leaderEpoch, metadata)] })).Single();

    private IReadOnlyList<FetchedPartitionOffset> Fetch(OffsetFetchCall call) => _broker.Run(() => _broker.Wire.FetchOffsetsAsync(call)).Offsets;

    private ErrorCode Delete(string group) => _broker.Run(() => _broker.Wire.DeleteGroupAsync(group));

    private ClassicGroupDescription Describe(string group) => _broker.Run(() => _broker.Wire.DescribeGroupsAsync([group])).Single();
}
