using ExactlyOnce.Clients.Wire;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Tests.Engine.Semantics;
using static ExactlyOnce.Tests.Engine.Wire.WireBroker;

namespace ExactlyOnce.Tests.Engine.Wire;

/// <summary>Consumer offsets inside transactions (wire.md 9.7).</summary>
public sealed class TransactionalOffsetTests
{
    private const string Group = "billing";

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(WireGeneration.V1, true, Place.Memory)]
    [InlineData(WireGeneration.V1, false, Place.Folder)]
    [InlineData(WireGeneration.V2, true, Place.Folder)]
    [InlineData(WireGeneration.V2, false, Place.Memory)]
    public void Offsets_are_hidden_until_the_commit_and_forgotten_by_an_abort(object generation, bool commit, Place place)
    {
        var broker = Open(place);
        Commit(broker, 3).Should().Be(ErrorCode.None);
        var producer = Begin(broker, (WireGeneration)generation);
        producer.Offsets(Group, new OffsetToCommit(First, 7, LeaderEpoch: 0, "seven")).Should().Equal(ErrorCode.None);

        broker.Committed(Group, First).Error.Should().Be(ErrorCode.UnstableOffsetCommit);
        broker.Committed(Group, First).Offset.Should().Be(-1);
        broker.Committed(Group, First, requireStable: false).Offset.Should().Be(3);
        broker.Committed(Group, Second).Should().Be(new FetchedPartitionOffset(Second, ErrorCode.None, -1, -1, ""));

        producer.End(commit).Error.Should().Be(ErrorCode.None);
        broker.Committed(Group, First).Should().Be(
            commit ? new FetchedPartitionOffset(First, ErrorCode.None, 7, 0, "seven") : new FetchedPartitionOffset(First, ErrorCode.None, 3, -1, ""));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void Pending_offsets_are_pending_still_when_the_broker_is_opened_again(bool isClean, bool commit)
    {
        var broker = Open(Place.Folder);
        Commit(broker, 3);
        var producer = new WireProducer(() => broker, "checkout", WireGeneration.V1).Ready();
        producer.AddOffsets(Group);
        producer.Offsets(Group, new OffsetToCommit(First, 7)).Should().Equal(ErrorCode.None);

        broker = isClean ? broker.Reopen() : broker.Revive();

        broker.Committed(Group, First).Error.Should().Be(ErrorCode.UnstableOffsetCommit);
        producer.End(commit).Error.Should().Be(ErrorCode.None);
        broker.Committed(Group, First).Offset.Should().Be(commit ? 7 : 3);
    }

    [Fact]
    public void A_timeout_lets_go_of_pending_offsets_so_that_nobody_waits_for_ever()
    {
        var broker = Open();
        var producer = Begin(broker, WireGeneration.V2);
        producer.Offsets(Group, new OffsetToCommit(First, 7)).Should().Equal(ErrorCode.None);

        broker.Pass(s_timeout + TimeSpan.FromMilliseconds(1));

        broker.Committed(Group, First).Should().Be(new FetchedPartitionOffset(First, ErrorCode.None, -1, -1, ""));
        producer.Offsets(Group, new OffsetToCommit(First, 8)).Should().Equal(ErrorCode.InvalidProducerEpoch);
    }

    [Fact]
    public void Generation_1_adds_the_group_first()
    {
        var broker = Open();
        var producer = new WireProducer(broker).Ready();

        producer.Offsets(Group, new OffsetToCommit(First, 7)).Should().Equal(ErrorCode.TransactionAbortable);
        producer.AddOffsets(Group).Should().Be(ErrorCode.None);
        producer.AddOffsets(Group).Should().Be(ErrorCode.None);
        producer.Offsets("another", new OffsetToCommit(First, 7)).Should().Equal(ErrorCode.TransactionAbortable);
        producer.Offsets(Group, new OffsetToCommit(First, 7)).Should().Equal(ErrorCode.None);
    }

    [Theory]
    [InlineData(WireGeneration.V1)]
    [InlineData(WireGeneration.V2)]
    public void A_zombie_producer_adds_no_offsets(object generation)
    {
        var broker = Open();
        var zombie = new WireProducer(broker, generation: (WireGeneration)generation).Ready();
        Begin(broker, (WireGeneration)generation);

        zombie.Offsets(Group, new OffsetToCommit(First, 7)).Should().Equal(ErrorCode.InvalidProducerEpoch);
        new WireProducer(broker, "nobody", (WireGeneration)generation) { Identity = zombie.Identity }
            .Offsets(Group, new OffsetToCommit(First, 7)).Should().Equal(ErrorCode.InvalidProducerIdMapping);
    }

    [Fact]
    public void Each_offset_is_judged_by_itself()
    {
        var broker = Open();
        var producer = Begin(broker, WireGeneration.V2);

        broker.Run(() => broker.Wire.CommitTransactionOffsetsAsync(producer.Caller, new OffsetCommitCall
        {
            Group = Group,
            Offsets = [new(First, 1), new(Missing, 2), new(Second, 3, Metadata: new string('x', 4_097)), new(new TopicPartition("invoices", 0), 4)],
        })).Should().Equal(ErrorCode.None, ErrorCode.UnknownTopicOrPartition, ErrorCode.OffsetMetadataTooLarge, ErrorCode.None);

        producer.End(commit: true);
        broker.Committed(Group, First).Offset.Should().Be(1);
        broker.Committed(Group, Second).Offset.Should().Be(-1);
    }

    [Fact]
    public void A_group_that_is_not_known_comes_into_being_unless_a_generation_is_named()
    {
        var broker = Open();
        var producer = Begin(broker, WireGeneration.V2);

        producer.Offsets("new", new OffsetToCommit(First, 1), memberGeneration: 3, memberId: "m").Should().Equal(ErrorCode.IllegalGeneration);
        producer.Offsets("new", new OffsetToCommit(First, 1)).Should().Equal(ErrorCode.None);
    }

    [Fact]
    public void A_zombie_of_the_group_is_refused_by_generation_member_and_instance()
    {
        var broker = Open();
        var member = new WireMember(broker, Group, instanceId: "i").Joined();
        var producer = Begin(broker, WireGeneration.V2);
        var offset = new OffsetToCommit(First, 7);

        producer.Offsets(Group, offset, member.Generation - 1, member.Id, "i").Should().Equal(ErrorCode.IllegalGeneration);
        producer.Offsets(Group, offset, member.Generation, "somebody").Should().Equal(ErrorCode.UnknownMemberId);
        producer.Offsets(Group, offset, member.Generation, "somebody", "i").Should().Equal(ErrorCode.FencedInstanceId);
        producer.Offsets(Group, offset, member.Generation, member.Id, "i").Should().Equal(ErrorCode.None);
        producer.Offsets(Group, offset with { Partition = Second }).Should().Equal([ErrorCode.None], "clients from before KIP-447 name no membership, and Kafka takes that");
    }

    [Fact]
    public void A_generation_change_between_the_offsets_and_the_commit_fences_what_comes_after_it()
    {
        var broker = Open();
        var member = new WireMember(broker, Group).Joined();
        var producer = Begin(broker, WireGeneration.V2);
        producer.Offsets(Group, new OffsetToCommit(First, 7), member.Generation, member.Id).Should().Equal(ErrorCode.None);
        var old = member.Generation;

        var other = new WireMember(broker, Group);
        other.BeginJoin();
        producer.Offsets(Group, new OffsetToCommit(First, 8), old, member.Id).Should().Equal([ErrorCode.None], "a rebalance under way is no reason");
        member.BeginJoin();
        other.EndJoin();
        member.EndJoin();

        producer.Offsets(Group, new OffsetToCommit(First, 9), old, member.Id).Should().Equal(ErrorCode.IllegalGeneration);
        producer.End(commit: false).Error.Should().Be(ErrorCode.None);
        broker.Committed(Group, First).Offset.Should().Be(-1);
    }

    [Fact]
    public void A_plain_commit_made_after_the_transaction_wrote_its_offset_stays()
    {
        var broker = Open();
        var producer = Begin(broker, WireGeneration.V2);
        producer.Offsets(Group, new OffsetToCommit(First, 7));
        Commit(broker, 9).Should().Be(ErrorCode.None);

        producer.End(commit: true);

        broker.Committed(Group, First).Offset.Should().Be(9);
    }

    [Fact]
    public void Offsets_alone_make_a_transaction()
    {
        var broker = Open();
        var producer = new WireProducer(broker).Ready();
        producer.AddOffsets(Group);
        producer.Offsets(Group, new OffsetToCommit(First, 7));

        producer.End(commit: true).Error.Should().Be(ErrorCode.None);

        broker.Committed(Group, First).Offset.Should().Be(7);
        broker.Offsets(First).HighWatermark.Should().Be(0, "no partition was part of it");
    }

    private static WireProducer Begin(WireBroker broker, WireGeneration generation)
    {
        var producer = new WireProducer(broker, generation: generation).Ready((int)s_timeout.TotalMilliseconds);
        if (generation == WireGeneration.V1)
            producer.AddOffsets(Group).Should().Be(ErrorCode.None);
        return producer;
    }

    private static ErrorCode Commit(WireBroker broker, long offset) =>
        broker.Run(() => broker.Wire.CommitOffsetsAsync(new OffsetCommitCall { Group = Group, Offsets = [new OffsetToCommit(First, offset)] })).Single();
}
