using CsCheck;
using ExactlyOnce.Kernel.Groups;
using ExactlyOnce.Kernel.Groups.Offsets;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Groups;

/// <summary>Group offsets against a register: a list of all writes ever, folded anew for every question.</summary>
public class OffsetModelTests
{
    private static readonly Gen<(int Verb, int Group, int Partition, int Producer, int Offset)[]> s_steps =
        Gen.Select(Gen.Int[0, 11], Gen.Int[0, 1], Gen.Int[0, 2], Gen.Int[0, 2], Gen.Int[0, 999]).Array[1, 60];

    [Fact]
    public void Whatever_is_committed_aborted_deleted_and_restarted_the_last_effective_write_is_read() => s_steps.Sample(steps =>
    {
        var world = new GroupWorld();
        var register = new Register();
        foreach (var step in steps)
        {
            Execute(step, world, register);
            foreach (var group in Groups)
            {
                foreach (var partition in Partitions)
                    Compare(world.State, register, group, partition);
            }
        }
        world.Prove();
    }, iter: 200);

    private static readonly string[] Groups = ["g0", "g1"];
    private static readonly PartitionKey[] Partitions = [new(1, 0), new(1, 1), new(2, 0)];

    private static void Execute((int Verb, int Group, int Partition, int Producer, int Offset) step, GroupWorld world, Register register)
    {
        var group = Groups[step.Group];
        var partition = Partitions[step.Partition];
        var request = new OffsetCommitRequest { Group = group, Offsets = [new OffsetValue(partition, step.Offset)] };
        switch (step.Verb)
        {
            case 0 or 1 or 2:
                world.RunUnproven(world.State.DecideOffsetCommit(request, world.NowMs)).Verdict.Should().Be(GroupVerdict.None);
                register.Write(group, partition, step.Offset, producer: null);
                break;
            case 3 or 4 or 5:
                var producer = new ProducerIdentity(step.Producer, 0);
                world.RunUnproven(world.State.DecideTransactionalOffsetCommit(producer, request, world.NowMs)).Verdict.Should().Be(GroupVerdict.None);
                register.Write(group, partition, step.Offset, step.Producer);
                break;
            case 6 or 7 or 8:
                world.RunUnproven(world.State.DecideTransactionEnd(step.Producer, isCommit: step.Verb > 6));
                register.End(step.Producer, isCommit: step.Verb > 6);
                break;
            case 9:
                world.RunUnproven(world.State.DecideDeleteOffsets(group, [partition]));
                register.Delete(write => write.Group == group && write.Partition == partition);
                break;
            case 10:
                Destroy(step.Offset, group, partition.Topic, world, register);
                break;
            default:
                _ = step.Offset % 2 == 0 ? world.RestartFromJournal() : world.RestartFromSnapshot();
                break;
        }
    }

    private static void Destroy(int chance, string group, int topic, GroupWorld world, Register register)
    {
        if (chance % 2 == 0)
        {
            world.RunUnproven(world.State.DecideDeleteGroup(group));
            register.Delete(write => write.Group == group);
        }
        else
        {
            world.RunUnproven(world.State.DecideTopicDeletion(topic, world.Counts, world.NowMs));
            register.Delete(write => write.Partition.Topic == topic);
        }
    }

    private static void Compare(GroupCoordinatorState state, Register register, string group, PartitionKey partition)
    {
        var committed = state.Fetch(group, partition, requireStable: false);
        (committed.Status == FetchStatus.Value ? committed.Stored.Offset : (long?)null).Should().Be(register.Committed(group, partition));
        var isUnstable = state.Fetch(group, partition, requireStable: true).Status == FetchStatus.Unstable;
        isUnstable.Should().Be(register.IsPending(group, partition));
    }

    /// <summary>Slow and obvious: every write with its fate.</summary>
    private sealed class Register
    {
        private readonly List<Write> _writes = [];

        public void Write(string group, PartitionKey partition, long offset, int? producer) =>
            _writes.Add(new Write(group, partition, offset, producer));

        public void End(int producer, bool isCommit)
        {
            foreach (var write in _writes.FindAll(write => write.Producer == producer))
            {
                if (isCommit)
                    write.Producer = null;
                else
                    _writes.Remove(write);
            }
        }

        public void Delete(Predicate<Write> which) => _writes.RemoveAll(which);

        public long? Committed(string group, PartitionKey partition) =>
            _writes.FindLast(write => write.Producer is null && write.Group == group && write.Partition == partition)?.Offset;

        public bool IsPending(string group, PartitionKey partition) =>
            _writes.Exists(write => write.Producer is not null && write.Group == group && write.Partition == partition);
    }

    private sealed class Write(string group, PartitionKey partition, long offset, int? producer)
    {
        public string Group { get; } = group;

        public PartitionKey Partition { get; } = partition;

        public long Offset { get; } = offset;

        /// <summary>The transaction it is pending in; null once it counts.</summary>
        public int? Producer { get; set; } = producer;
    }
}
