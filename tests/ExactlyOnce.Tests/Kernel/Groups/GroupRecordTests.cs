using System.Buffers;
using CsCheck;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Classic;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Groups;

public class GroupRecordTests
{
    [Fact]
    public void Every_durable_record_reads_back_as_it_was_written()
    {
        foreach (var bytes in AllKinds().Journal)
            GroupWorld.Encode(GroupRecordCodec.Read(bytes)).Should().Equal(bytes);
    }

    [Fact]
    public void The_records_of_the_test_are_of_every_durable_kind() =>
        AllKinds().Journal.Select(bytes => (int)bytes[1]).Distinct().Order().Should().Equal(Enumerable.Range(1, 10));

    [Fact]
    public void A_record_that_is_cut_short_or_goes_on_is_refused()
    {
        foreach (var bytes in AllKinds().Journal)
        {
            for (var length = 0; length < bytes.Length; length++)
                Reading(bytes[..length]).Should().Throw<InvalidDataException>();
            Reading([.. bytes, 0]).Should().Throw<InvalidDataException>();
        }
    }

    [Fact]
    public void A_record_of_a_later_version_or_unknown_type_is_refused()
    {
        Reading([2, 6, 0, 0, 0, 1, (byte)'g']).Should().Throw<InvalidDataException>();
        Reading([1, 99, 0, 0, 0, 1, (byte)'g']).Should().Throw<InvalidDataException>();
        Reading([1, 6, 0, 0, 0, 1, 0xFF]).Should().Throw<InvalidDataException>("the group id is not UTF-8");
    }

    [Fact]
    public void The_bytes_of_a_commit_are_as_documented()
    {
        var record = new OffsetsCommitted("g", 0x0102, [new OffsetValue(new PartitionKey(3, 4), 5, 6, "é")]);
        Convert.ToHexString(GroupWorld.Encode(record)).Should().Be(
            "0101" + "00000001" + "67" + "0000000000000102" + "00000001" + "00000003" + "00000004" + "0000000000000005" + "00000006" + "00000002C3A9");
    }

    [Fact]
    public void A_record_that_lives_in_memory_only_cannot_be_written()
    {
        var member = new ConsumerMember { Id = "a", Origin = MemberOrigin.InProcess };
        var records = new GroupRecord[]
        {
            new ConsumerMemberChanged("g", member, ChangesMembership: true),
            new ConsumerMemberRemoved("g", "a", MemberOrigin.InProcess),
            new ClassicGroupChanged("g", ClassicGroup.None, IsGeneration: false),
        };
        foreach (var record in records)
            FluentActions.Invoking(() => GroupWorld.Encode(record)).Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void A_snapshot_that_is_cut_short_or_goes_on_is_refused()
    {
        var bytes = GroupWorld.Snapshot(AllKinds().State);
        for (var length = 0; length < bytes.Length; length++)
            Restoring(bytes[..length]).Should().Throw<InvalidDataException>();
        Restoring([.. bytes, 0]).Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void A_snapshot_with_a_wrong_byte_is_refused_or_read_but_never_breaks_the_reader()
    {
        var bytes = GroupWorld.Snapshot(AllKinds().State);
        Gen.Select(Gen.Int[0, bytes.Length - 1], Gen.Byte).Sample((position, value) =>
        {
            var damaged = bytes.ToArray();
            damaged[position] = value;
            try
            {
                GroupCoordinatorState.ReadSnapshot(damaged, GroupSettings.Default).AssertInvariants();
            }
            catch (InvalidDataException)
            {
                // Refused: what the engine then reports is not this test's business.
            }
        }, iter: 5_000);
    }

    [Fact]
    public void A_record_with_a_wrong_byte_is_refused_or_read_but_never_breaks_the_reader()
    {
        var journal = AllKinds().Journal;
        Gen.Select(Gen.Int[0, journal.Count - 1], Gen.Int[0, 10_000], Gen.Byte).Sample((record, position, value) =>
        {
            var damaged = journal[record].ToArray();
            damaged[position % damaged.Length] = value;
            try
            {
                GroupRecordCodec.Read(damaged).IsDurable.Should().BeTrue();
            }
            catch (InvalidDataException)
            {
                // Refused.
            }
        }, iter: 5_000);
    }

    [Fact]
    public void Verdicts_have_the_names_and_numbers_of_the_public_error_codes()
    {
        foreach (var verdict in Enum.GetValues<GroupVerdict>().Except([GroupVerdict.GroupSubscribedToTopic]))
            ((int)Enum.Parse<ErrorCode>(verdict.ToString())).Should().Be((int)verdict);
        ((int)GroupVerdict.GroupSubscribedToTopic).Should().Be(86);
    }

    private static Action Reading(byte[] bytes) => () => GroupRecordCodec.Read(bytes);

    private static Action Restoring(byte[] bytes) => () => GroupCoordinatorState.ReadSnapshot(bytes, GroupSettings.Default);

    /// <summary>A world that has seen every kind of record and holds every kind of group.</summary>
    private static GroupWorld AllKinds()
    {
        var world = new GroupWorld();
        var state = world.State;
        world.Counts[1] = 2;
        world.Run(state.DecideOffsetCommit(Commit("simple", 1), world.NowMs));
        world.Run(state.DecideTransactionalOffsetCommit(new ProducerIdentity(7, 1), Commit("simple", 2), world.NowMs));
        world.Run(state.DecideTransactionalOffsetCommit(new ProducerIdentity(8, 1), Commit("other", 2), world.NowMs));
        world.Run(state.DecideTransactionEnd(8, isCommit: true));
        world.Run(state.DecideDeleteOffsets("other", [new PartitionKey(1, 0)]));
        world.Run(state.DecideDeleteGroup("other"));
        world.Run(state.DecideTopicDeletion(9, world.Counts, world.NowMs));
        Join(world, "left");
        world.Run(state.DecideLeave("consumer", "left", null, world.Counts, world.NowMs));
        Join(world, "a");
        Join(world, "b");
        world.Run(state.DecideHeartbeat(new ConsumerHeartbeatRequest { Group = "consumer", MemberId = "a", MemberEpoch = 3 }, world.Counts, world.NowMs));
        state.TryGetGroup("consumer")!.Consumer!.Members["a"].Revoking.Should().NotBeEmpty();
        JoinClassic(world);
        return world;
    }

    private static void Join(GroupWorld world, string member) => world.Run(world.State.DecideJoin(
        new ConsumerJoinRequest { Group = "consumer", MemberId = member, InstanceId = "i" + member, Origin = MemberOrigin.Network, Topics = [1], ClientId = "c", ClientHost = "h" },
        world.Counts, world.NowMs));

    private static void JoinClassic(GroupWorld world)
    {
        world.Run(world.State.DecideClassicJoin(
            new ClassicJoinRequest
            {
                Group = "classic",
                NewMemberId = "m",
                InstanceId = "im",
                ProtocolType = "consumer",
                Protocols = [new ClassicProtocol("range", new byte[] { 1, 2 }), new ClassicProtocol("sticky", new byte[] { 3 })],
                Topics = [1, 2],
            },
            world.NowMs));
        var request = new ClassicSyncRequest { Group = "classic", MemberId = "m", Generation = 1, Assignments = [new ClassicAssignment("m", new byte[] { 9 })] };
        world.Run(world.State.DecideClassicSync(request, world.NowMs));
    }

    private static OffsetCommitRequest Commit(string group, long offset) =>
        new() { Group = group, Offsets = [new OffsetValue(new PartitionKey(1, 0), offset, 3, "note")] };
}
