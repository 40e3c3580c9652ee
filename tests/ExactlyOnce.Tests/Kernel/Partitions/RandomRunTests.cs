using CsCheck;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Partitions;

/// <summary>What must hold of every run, whatever a partition is told.</summary>
public sealed class RandomRunTests
{
    private static readonly Gen<List<RandomStep>> s_run = RandomStep.Gen.List[1, 60];

    [Fact]
    public void A_partition_that_restarts_after_every_step_decides_the_same() => s_run.Sample(
        steps =>
        {
            var steady = new PartitionUnderTest(RandomRun.Rules);
            var restarted = new PartitionUnderTest(RandomRun.Rules) { RestartsAfterEveryStep = true };
            foreach (var step in steps)
                Assert.Equal(RandomRun.Take(steady, step), RandomRun.Take(restarted, step));
            Assert.Equal(PartitionUnderTest.SnapshotOf(steady.State), PartitionUnderTest.SnapshotOf(restarted.State));
        },
        iter: 200);

    [Fact]
    public void A_snapshot_read_back_is_the_same_at_every_step() => s_run.Sample(
        steps =>
        {
            var partition = new PartitionUnderTest(RandomRun.Rules);
            foreach (var step in steps)
            {
                RandomRun.Take(partition, step);
                var bytes = PartitionUnderTest.SnapshotOf(partition.State);
                var readBack = PartitionState.ReadSnapshot(bytes, RandomRun.Rules);
                Assert.Equal(bytes, PartitionUnderTest.SnapshotOf(readBack));
                Assert.Equal(partition.State.LastStableOffset, readBack.LastStableOffset);
            }
        },
        iter: 100);

    [Fact]
    public void Replaying_what_was_applied_gives_the_same_state() => s_run.Sample(
        steps =>
        {
            var partition = new PartitionUnderTest(RandomRun.Rules);
            foreach (var step in steps)
                RandomRun.Take(partition, step);
            Assert.Equal(PartitionUnderTest.SnapshotOf(partition.State), PartitionUnderTest.SnapshotOf(partition.Replay()));
        },
        iter: 200);

    [Fact]
    public void Deciding_changes_nothing() => s_run.Sample(
        steps =>
        {
            var partition = new PartitionUnderTest(RandomRun.Rules);
            foreach (var step in steps)
            {
                RandomRun.Take(partition, step);
                var before = PartitionUnderTest.SnapshotOf(partition.State);
                DecideEverything(partition.State, step);
                Assert.Equal(before, PartitionUnderTest.SnapshotOf(partition.State));
            }
        },
        iter: 50);

    [Fact]
    public void No_transaction_is_ever_forgotten_before_its_marker() => s_run.Sample(
        steps =>
        {
            var partition = new PartitionUnderTest(RandomRun.Rules);
            var open = new HashSet<long>();
            foreach (var step in steps)
            {
                var before = partition.State.LogEndOffset;
                RandomRun.Take(partition, step);
                if (step.Kind is >= 11 and <= 13 && partition.State.LogEndOffset > before)
                    open.Remove(step.Pid);
                else if (step.Kind <= 8 && step.Kind % 3 != 0 && partition.State.LogEndOffset > before)
                    open.Add(step.Pid);
                Assert.Equal(open.Order(), OpenProducers(partition.State));
            }
        },
        iter: 200);

    private static void DecideEverything(PartitionState state, RandomStep step)
    {
        foreach (var origin in Enum.GetValues<AppendOrigin>())
        {
            state.Decide(PartitionUnderTest.Data(step.Pid, 0, step.Choice, step.Count, transactional: true), origin);
            state.Decide(PartitionUnderTest.Data(step.Pid + 100, 0, 0, 1), origin);
        }
        state.DecideMarker(new ProducerIdentity(step.Pid, 9), 0, MarkerGeneration.V2);
        state.DecideExpiry(long.MaxValue);
    }

    private static IEnumerable<long> OpenProducers(PartitionState state)
    {
        var producers = new List<long>();
        foreach (var transaction in state.OpenTransactions)
            producers.Add(transaction.Producer.Id);
        return producers.Order();
    }
}
