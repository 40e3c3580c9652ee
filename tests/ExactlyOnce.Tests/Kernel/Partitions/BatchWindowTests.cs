using CsCheck;
using ExactlyOnce.Kernel.Partitions;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Kernel.Partitions;

/// <summary>The batch window against a plain list, and the sequence rule against its sentence.</summary>
public sealed class BatchWindowTests
{
    [Fact]
    public void An_empty_window_finds_nothing_and_has_no_last_sequence()
    {
        var window = new BatchWindow(5);
        window.LastSequence.Should().Be(Sequence.None);
        window.Find(0, 0).Should().Be(-1);
        window.Invoking(w => w.Newest).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void A_cleared_window_finds_nothing_of_before()
    {
        var window = new BatchWindow(5);
        window.Append(Batch(0, 1));
        window.Append(Batch(1, 1));
        window.Clear();
        window.Find(0, 0).Should().Be(-1);
        window.Append(Batch(0, 3));
        window.Count.Should().Be(1);
        window.Find(0, 0).Should().Be(-1);
        window.Find(0, 2).Should().Be(0);
    }

    [Fact]
    public void A_window_is_the_end_of_a_plain_list() =>
        Gen.Select(Gen.Int[5, 9], Gen.OneOf(Gen.Int[0, 3], Gen.Int[int.MaxValue - 30, int.MaxValue]), Gen.Int[1, 4].List[0, 30]).Sample(
            (capacity, first, lengths) => AgreesWithAList(capacity, first, lengths), iter: 500);

    [Fact]
    public void Every_small_window_finds_exactly_what_it_holds()
    {
        // Seven batches of one to three records: the window of five has turned over twice. Also across the wrap.
        foreach (var first in (int[])[0, int.MaxValue - 4])
        {
            for (var (count, shapes) = (1, 3); count <= 7; count++, shapes *= 3)
            {
                for (var shape = 0; shape < shapes; shape++)
                    Assert.True(AgreesWithAList(5, first, Lengths(shape, count)));
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(int.MaxValue - 5)]
    public void Every_next_batch_is_new_or_a_retry_or_out_of_order(int first)
    {
        for (var shape = 0; shape < 2_187; shape += 13)
            CheckEveryNextBatch(first, Lengths(shape, 7));
    }

    private static List<int> Lengths(int shape, int count)
    {
        var lengths = new List<int>();
        for (var batch = 0; batch < count; batch++, shape /= 3)
            lengths.Add(shape % 3 + 1);
        return lengths;
    }

    private static RememberedBatch Batch(int sequence, int count) => new(sequence, count - 1, 0, 0, 0, 0);

    private static bool AgreesWithAList(int capacity, int first, List<int> lengths)
    {
        var window = new BatchWindow(capacity);
        var list = new List<RememberedBatch>();
        var next = first;
        foreach (var length in lengths)
        {
            var batch = new RememberedBatch(next, length - 1, list.Count * 10, list.Count, list.Count + 1, list.Count + 2);
            window.Append(batch);
            list.Add(batch);
            next = Sequence.Next(batch.LastSequence);
        }
        return list.Count == 0 || HoldsTheEndOf(list, window, capacity, first);
    }

    private static bool HoldsTheEndOf(List<RememberedBatch> list, BatchWindow window, int capacity, int first)
    {
        var held = list.TakeLast(capacity).Reverse().ToList();
        if (window.Count != held.Count || window.Newest != held[0] || window.LastSequence != held[0].LastSequence)
            return false;
        for (var delta = -2; delta < 24; delta++)
        {
            var sequence = delta < 0 ? Math.Max(0, first + delta) : Sequence.Add(first, delta);
            for (var length = 1; length <= 4; length++)
            {
                var age = held.Count - 1;
                while (age >= 0 && (held[age].BaseSequence != sequence || held[age].OffsetDelta != length - 1))
                    age--;
                if (window.Find(sequence, length - 1) != age || (age >= 0 && window[age] != held[age]))
                    return false;
            }
        }
        return true;
    }

    private static void CheckEveryNextBatch(int first, List<int> lengths)
    {
        var partition = new PartitionUnderTest(PartitionRules.Default);
        partition.Produce(PartitionUnderTest.Plain(1));
        var offsets = new Dictionary<(int, int), long>();
        var held = new Queue<(int, int)>();
        var next = first;
        foreach (var length in lengths)
        {
            offsets[(next, length)] = partition.State.LogEndOffset;
            held.Enqueue((next, length));
            partition.Produce(PartitionUnderTest.Data(1, 0, next, length)).IsAppend.Should().BeTrue();
            next = Sequence.Add(next, length);
        }
        while (held.Count > 5)
            held.Dequeue();
        for (var delta = 0; delta < 26; delta++)
        {
            for (var length = 1; length <= 4; length++)
                CheckVerdict(partition.State, Sequence.Add(first, delta), length, next, held, offsets);
        }
    }

    private static void CheckVerdict(
        PartitionState state, int sequence, int length, int next, Queue<(int, int)> held, Dictionary<(int, int), long> offsets)
    {
        var decision = state.Decide(PartitionUnderTest.Data(1, 0, sequence, length), AppendOrigin.Client);
        var expected = held.Contains((sequence, length)) ? AppendVerdict.Duplicate
            : sequence == next ? AppendVerdict.Append
            : AppendVerdict.OutOfOrderSequence;
        Assert.Equal(expected, decision.Verdict);
        if (expected == AppendVerdict.Duplicate)
            Assert.Equal(offsets[(sequence, length)], decision.OriginalBaseOffset);
        else if (expected == AppendVerdict.OutOfOrderSequence)
            Assert.Equal(next, decision.ExpectedSequence);
    }
}
