using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Partitions;

/// <summary>What the scripts cannot show: LSNs, allocations, and the views for other parts of the engine.</summary>
public sealed class PartitionStateTests
{
    [Fact]
    public void A_retry_names_the_LSN_of_its_original_and_a_refusal_the_newest_one_it_relied_on()
    {
        var state = new PartitionState(PartitionRules.Default);
        state.Apply(PartitionUnderTest.Data(1, 0, 0, 1), 0, nowMs: 5, lsn: 100);
        state.Apply(PartitionUnderTest.Data(1, 0, 1, 1), 1, nowMs: 6, lsn: 200);
        state.Apply(PartitionUnderTest.Data(2, 0, 0, 1), 2, nowMs: 7, lsn: 300);

        state.Decide(PartitionUnderTest.Data(1, 0, 0, 1), AppendOrigin.Client).Lsn.Should().Be(100);
        state.Decide(PartitionUnderTest.Data(1, 0, 1, 1), AppendOrigin.Client).Lsn.Should().Be(200);
        state.Decide(PartitionUnderTest.Data(1, 0, 7, 1), AppendOrigin.Client).Lsn.Should().Be(200);
        state.DecideMarker(new ProducerIdentity(1, 0), 0, MarkerGeneration.V1).Lsn.Should().Be(200);

        // That a producer is unknown may rest on an expiry that is the newest change of all.
        state.ApplyExpiry([2], lsn: 400);
        state.Decide(PartitionUnderTest.Data(2, 0, 3, 1, transactional: true), AppendOrigin.ClientEnrolledV2).Lsn.Should().Be(400);
        state.AppliedLsn.Should().Be(400);
    }

    [Fact]
    public void A_marker_and_an_enrolment_are_changes_a_refusal_relies_on()
    {
        var state = new PartitionState(PartitionRules.Default);
        state.Enrol(new ProducerIdentity(1, 3), nowMs: 0, lsn: 10);
        state.Decide(PartitionUnderTest.Data(1, 2, 0, 1), AppendOrigin.Client).Lsn.Should().Be(10);
        state.ApplyMarker(PartitionUnderTest.MarkerBatch(1, 4), commit: true, 0, 0, nowMs: 0, lsn: 20);
        state.Decide(PartitionUnderTest.Data(1, 3, 0, 1), AppendOrigin.Client).Lsn.Should().Be(20);
    }

    [Fact]
    public void A_batch_in_order_costs_no_allocation()
    {
        var state = new PartitionState(PartitionRules.Default);
        AppendInOrder(state, firstSequence: 0, batches: 100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        AppendInOrder(state, firstSequence: 100, batches: 1_000);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
        state.LogEndOffset.Should().Be(2_200);
    }

    [Fact]
    public void A_committed_transaction_costs_no_allocation()
    {
        var state = new PartitionState(PartitionRules.Default);
        CommitTransactions(state, firstEpoch: 0, transactions: 10);
        var before = GC.GetAllocatedBytesForCurrentThread();
        CommitTransactions(state, firstEpoch: 10, transactions: 100);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
        state.LastStableOffset.Should().Be(220);
    }

    [Fact]
    public void Producers_are_shown_as_Kafka_snapshots_them()
    {
        var partition = new PartitionUnderTest(PartitionRules.Default) { NowMs = 50 };
        partition.Produce(PartitionUnderTest.Data(1, 2, 0, 3, timestamp: 9));
        partition.Produce(PartitionUnderTest.Data(2, 0, 0, 2, transactional: true, timestamp: 8), AppendOrigin.ClientEnrolledV2);
        partition.Marker(3, 4, commit: true, MarkerGeneration.V2, coordinatorEpoch: 7);
        partition.Enrol(4, 0);

        Entries(partition.State).Should().Equal(
            new ProducerSnapshotEntry(1, 2, 2, 2, 2, 9, -1, -1, 50),
            new ProducerSnapshotEntry(2, 0, 1, 4, 1, 8, -1, 3, 50),
            new ProducerSnapshotEntry(3, 4, -1, -1, 0, 50, 7, -1, 50));
        partition.State.ProducerCount.Should().Be(4);
    }

    [Fact]
    public void Compaction_keeps_a_producers_last_batch_or_its_last_marker_when_it_has_no_data()
    {
        var withData = new ProducerSnapshotEntry(1, 2, 5, 40, 1, 0, -1, -1, 0);
        var bare = new ProducerSnapshotEntry(1, 2, -1, -1, 0, 0, 0, -1, 0);
        var data = PartitionUnderTest.Data(1, 2, 4, 2) with { BaseOffset = 39 };
        var marker = PartitionUnderTest.MarkerBatch(1, 2) with { BaseOffset = 41 };

        withData.NeedsBatch(data).Should().BeTrue();
        withData.NeedsBatch(data with { BaseOffset = 38 }).Should().BeFalse();
        withData.NeedsBatch(marker).Should().BeFalse();
        withData.NeedsBatch(data with { Producer = new ProducerIdentity(9, 2) }).Should().BeFalse();
        bare.NeedsBatch(marker).Should().BeTrue();
        bare.NeedsBatch(data).Should().BeFalse();
        bare.NeedsBatch(PartitionUnderTest.MarkerBatch(1, 1)).Should().BeFalse();
    }

    [Fact]
    public void Open_transactions_are_listed_oldest_first_with_their_producers_epoch()
    {
        var partition = new PartitionUnderTest(PartitionRules.Default) { NowMs = 1 };
        partition.Produce(PartitionUnderTest.Data(5, 3, 0, 2, transactional: true), AppendOrigin.ClientEnrolledV2);
        partition.NowMs = 2;
        partition.Produce(PartitionUnderTest.Data(4, 0, 0, 1, transactional: true), AppendOrigin.ClientEnrolledV2);
        var open = new List<OpenTransaction>();
        foreach (var transaction in partition.State.OpenTransactions)
            open.Add(transaction);
        open.Should().Equal(
            new OpenTransaction(new ProducerIdentity(5, 3), 0, 1),
            new OpenTransaction(new ProducerIdentity(4, 0), 2, 2));
    }

    [Fact]
    public void A_hole_left_by_compaction_moves_the_end_and_nothing_else()
    {
        var state = new PartitionState(PartitionRules.Default);
        state.Apply(PartitionUnderTest.Data(1, 0, 0, 2), baseOffset: 10, nowMs: 0, lsn: 1);
        state.LogEndOffset.Should().Be(12);
        state.Decide(PartitionUnderTest.Data(1, 0, 0, 2), AppendOrigin.Client).OriginalBaseOffset.Should().Be(10);
    }

    [Theory]
    [InlineData(4, 1, 1)]
    [InlineData(1_025, 1, 1)]
    [InlineData(5, 0, 1)]
    [InlineData(5, 1, 0)]
    public void Rules_outside_their_bounds_are_refused(int batchWindow, long expiryMs, int producers)
    {
        var create = () => new PartitionRules(batchWindow, expiryMs, producers);
        create.Should().Throw<ArgumentOutOfRangeException>();
    }

    private static void AppendInOrder(PartitionState state, int firstSequence, int batches)
    {
        for (var sequence = firstSequence; sequence < firstSequence + batches; sequence++)
        {
            for (var pid = 1; pid <= 2; pid++)
            {
                var batch = PartitionUnderTest.Data(pid, 0, sequence, 1);
                var decision = state.Decide(batch, AppendOrigin.Client);
                state.Apply(batch, decision, state.LogEndOffset, 0, 0);
            }
        }
    }

    private static void CommitTransactions(PartitionState state, short firstEpoch, int transactions)
    {
        for (var epoch = firstEpoch; epoch < firstEpoch + transactions; epoch++)
        {
            var batch = PartitionUnderTest.Data(1, epoch, 0, 1, transactional: true);
            var decision = state.Decide(batch, AppendOrigin.ClientEnrolledV2);
            state.Apply(batch, decision, state.LogEndOffset, 0, 0);
            state.ApplyMarker(PartitionUnderTest.MarkerBatch(1, (short)(epoch + 1)), commit: true, 0, state.LogEndOffset, 0, 0);
        }
    }

    private static List<ProducerSnapshotEntry> Entries(PartitionState state)
    {
        var entries = new List<ProducerSnapshotEntry>();
        foreach (var entry in state.Producers)
            entries.Add(entry);
        return entries;
    }
}
