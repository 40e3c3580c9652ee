using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Consumers;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Groups;

/// <summary>
/// The two rules of the test list that concern offsets (32 and 33), and what answers about offsets wait for. The scripts go into the corners.
/// </summary>
public class OffsetGuaranteeTests
{
    private static readonly PartitionKey s_partition = new(1, 0);
    private readonly GroupWorld _world = new();

    private GroupCoordinatorState State => _world.State;

    [Fact]
    public void Pending_offsets_are_unstable_until_the_marker_then_the_later_written_wins_and_a_deleted_group_takes_them_along()
    {
        Commit(1);
        Pending(producer: 7, offset: 10);
        Fetch().Status.Should().Be(FetchStatus.Unstable);
        State.Fetch("g", s_partition, requireStable: false).Stored.Offset.Should().Be(1);

        End(7, isCommit: false);
        Fetch().Stored.Offset.Should().Be(1, "the abort forgot the pending offset");

        Pending(producer: 7, offset: 20);
        Commit(15);
        End(7, isCommit: true);
        Fetch().Stored.Offset.Should().Be(15, "the plain commit was written later than the transactional one");

        Pending(producer: 7, offset: 30);
        _world.Run(State.DecideDeleteGroup("g"));
        End(7, isCommit: true);
        Fetch().Status.Should().Be(FetchStatus.None, "the group was deleted with what was pending in it");
    }

    [Fact]
    public void A_zombies_transactional_offsets_are_refused_by_epoch_member_and_instance_and_so_are_offsets_that_name_no_member()
    {
        _world.Counts[1] = 1;
        Join("zombie", "one");
        Pending(7, 10, member: "zombie", generation: 1).Verdict.Should().Be(GroupVerdict.None);
        Join("successor", "one");

        Pending(7, 11, member: "zombie", generation: 1, instance: "one").Verdict.Should().Be(GroupVerdict.FencedInstanceId);
        Pending(7, 11, member: "zombie", generation: 1).Verdict.Should().Be(GroupVerdict.UnknownMemberId);
        Pending(7, 11, member: "successor", generation: 2).Verdict.Should().Be(GroupVerdict.StaleMemberEpoch);
        Pending(7, 11, member: "successor", generation: 0).Verdict.Should().Be(GroupVerdict.StaleMemberEpoch);
        Pending(7, 11).Verdict.Should().Be(GroupVerdict.UnknownMemberId);
        Pending(7, 11, member: "successor", generation: 1, instance: "one").Verdict.Should().Be(GroupVerdict.None);
    }

    [Fact]
    public void An_answer_about_an_offset_waits_for_the_frame_that_made_it_so()
    {
        Commit(1);
        Fetch().Lsn.Should().Be(1);
        Pending(7, 10);
        State.Fetch("g", s_partition, requireStable: false).Lsn.Should().Be(1, "the pending value is not shown");
        Fetch().Lsn.Should().Be(2, "that it is unstable rests on the pending value");
        End(7, isCommit: false);
        Fetch().Lsn.Should().Be(3, "that the old value stands rests on the abort");
        Pending(8, 20);
        End(8, isCommit: true);
        Fetch().Stored.Lsn.Should().Be(5, "the value is the transaction's, and shown since its end");
        _world.Run(State.DecideDeleteGroup("g"));
        Fetch().Lsn.Should().Be(6, "that there is nothing rests on the deletion");
    }

    [Fact]
    public void A_group_id_that_would_not_survive_being_written_is_refused()
    {
        foreach (var group in new[] { "a\uD800", "\uDC00a", "\uD800\uD800", new string('x', 1_025) })
        {
            State.DecideOffsetCommit(new OffsetCommitRequest { Group = group, Offsets = [new OffsetValue(s_partition, 1)] }, _world.NowMs)
                .Verdict.Should().Be(GroupVerdict.InvalidGroupId);
            State.DecideJoin(new ConsumerJoinRequest { Group = group, MemberId = "a", Topics = [1] }, _world.Counts, _world.NowMs)
                .Verdict.Should().Be(GroupVerdict.InvalidGroupId);
        }
        var emoji = new OffsetCommitRequest { Group = "group \U0001F600", Offsets = [new OffsetValue(s_partition, 1)] };
        _world.Run(State.DecideOffsetCommit(emoji, _world.NowMs)).Verdict.Should().Be(GroupVerdict.None);
    }

    private FetchedOffset Fetch() => State.Fetch("g", s_partition, requireStable: true);

    private void Commit(long offset) =>
        _world.Run(State.DecideOffsetCommit(Request(offset, "", -1, null), _world.NowMs)).Verdict.Should().Be(GroupVerdict.None);

    private OffsetCommitDecision Pending(long producer, long offset, string member = "", int generation = -1, string? instance = null)
    {
        var request = Request(offset, member, generation, instance) with { AllOrNothing = true };
        return _world.Run(State.DecideTransactionalOffsetCommit(new ProducerIdentity(producer, 0), request, _world.NowMs));
    }

    private void End(long producer, bool isCommit) => _world.Run(State.DecideTransactionEnd(producer, isCommit));

    private void Join(string member, string instance) => _world.Run(State.DecideJoin(
        new ConsumerJoinRequest { Group = "g", MemberId = member, InstanceId = instance, Topics = [1] }, _world.Counts, _world.NowMs));

    private static OffsetCommitRequest Request(long offset, string member, int generation, string? instance) =>
        new() { Group = "g", MemberId = member, Generation = generation, InstanceId = instance, Offsets = [new OffsetValue(s_partition, offset)] };
}
