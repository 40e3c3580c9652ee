using CsCheck;
using ExactlyOnce.Kernel.Partitions;

namespace ExactlyOnce.Tests.Kernel.Partitions;

/// <summary>The last stable offset and the aborted index against a fold over the whole log.</summary>
public sealed class LastStableOffsetTests
{
    private static readonly Gen<LogItem> s_item =
        from pid in Gen.Long[1, 4]
        from kind in Gen.Frequency(
            (1, Gen.Const(LogItemKind.Plain)), (6, Gen.Const(LogItemKind.Data)), (2, Gen.Const(LogItemKind.Commit)), (2, Gen.Const(LogItemKind.Abort)))
        select new LogItem(kind == LogItemKind.Plain ? -1 : pid, kind);

    [Fact]
    public void All_interleavings_of_three_transactions_agree_with_the_fold()
    {
        for (var aborted = 0; aborted < 8; aborted++)
            Interleave([0, 0, 0], aborted, []);
    }

    [Fact]
    public void Random_interleavings_of_four_producers_agree_with_the_fold() =>
        s_item.List[0, 40].Sample(items => Check(items), iter: 300);

    [Fact]
    public void A_moving_log_start_lifts_the_last_stable_offset_and_forgets_no_abort_above_it() =>
        Gen.Select(s_item.List[1, 30], Gen.Int[0, 30]).Sample(
            (items, start) => Check(items, Math.Min(start, items.Count)), iter: 300);

    // Each of three producers writes two records and a marker; every merge of the three is one log, but for the producers' names.
    private static void Interleave(int[] written, int aborted, List<LogItem> log)
    {
        if (log.Count == 9)
        {
            Check(log);
            return;
        }
        for (var producer = 0; producer < 3; producer++)
        {
            if (written[producer] == 3 || (producer > 0 && written[producer - 1] == 0))
                continue;
            var end = (aborted >> producer & 1) == 1 ? LogItemKind.Abort : LogItemKind.Commit;
            log.Add(new LogItem(producer + 1, written[producer] < 2 ? LogItemKind.Data : end));
            written[producer]++;
            Interleave(written, aborted, log);
            written[producer]--;
            log.RemoveAt(log.Count - 1);
        }
    }

    private static void Check(List<LogItem> items, int logStart = 0)
    {
        var partition = new PartitionUnderTest(PartitionRules.Default);
        var model = new LogModel();
        var sequences = new Dictionary<long, int>();
        foreach (var item in items)
        {
            Append(partition, item, sequences);
            model.Add(item);
            Require(partition.State.LastStableOffset == model.LastStableOffset, "the last stable offset is that of the fold");
        }
        CheckIndex(partition.State, model);
        if (logStart > 0)
        {
            partition.MoveLogStart(logStart);
            model.Start = logStart;
            Require(partition.State.LastStableOffset == model.LastStableOffset, "the last stable offset is lifted to the log start");
        }
        CheckReaders(partition.State, model);
    }

    private static void Append(PartitionUnderTest partition, LogItem item, Dictionary<long, int> sequences)
    {
        switch (item.Kind)
        {
            case LogItemKind.Plain:
                partition.Produce(PartitionUnderTest.Plain(1));
                return;
            case LogItemKind.Data:
                var sequence = sequences.GetValueOrDefault(item.Pid);
                sequences[item.Pid] = sequence + 1;
                var batch = PartitionUnderTest.Data(item.Pid, 0, sequence, 1, transactional: true);
                Require(partition.Produce(batch, enrolment: AppendOrigin.ClientEnrolledV1).IsAppend, "data is appended");
                return;
            default:
                // A marker that comes first creates the entry, after which only sequence 0 follows: as here.
                var decision = partition.Marker(item.Pid, 0, item.Kind == LogItemKind.Commit, MarkerGeneration.V1);
                Require(decision.IsAppend, "the marker is appended");
                return;
        }
    }

    private static void CheckIndex(PartitionState state, LogModel model) =>
        Require(state.Aborted.Published.Entries.ToArray().SequenceEqual(model.AbortedIndex()), "the aborted index is that of the fold");

    // Every range a committed reader can fetch, read by Kafka's consumer algorithm and by the direct look-up.
    private static void CheckReaders(PartitionState state, LogModel model)
    {
        var stable = state.LastStableOffset;
        for (var from = state.LogStartOffset; from <= stable; from++)
        {
            for (var to = from + 1; to <= stable; to++)
                Require(Deliver(state, model, from, to).SequenceEqual(model.Committed(from, to)), $"[{from}, {to}) delivers what is committed");
        }
        for (var offset = state.LogStartOffset; offset < stable; offset++)
        {
            if (model[offset].Kind == LogItemKind.Data)
                Require(state.Aborted.IsAborted(model[offset].Pid, offset) == model.IsAborted(offset), $"the look-up at {offset} is right");
        }
    }

    private static List<long> Deliver(PartitionState state, LogModel model, long from, long to)
    {
        var pending = new List<AbortedTransaction>();
        state.Aborted.Collect(from, to, pending);
        pending.Sort((one, other) => one.FirstOffset.CompareTo(other.FirstOffset));
        var abortedPids = new HashSet<long>();
        var delivered = new List<long>();
        for (var offset = from; offset < to; offset++)
        {
            for (; pending.Count > 0 && pending[0].FirstOffset <= offset; pending.RemoveAt(0))
                abortedPids.Add(pending[0].ProducerId);
            var item = model[offset];
            if (item.Kind == LogItemKind.Abort)
                abortedPids.Remove(item.Pid);
            else if (item.Kind == LogItemKind.Plain || (item.Kind == LogItemKind.Data && !abortedPids.Contains(item.Pid)))
                delivered.Add(offset);
        }
        return delivered;
    }

    // FluentAssertions costs too much in a loop over tens of thousands of logs.
    private static void Require(bool holds, string guarantee)
    {
        if (!holds)
            Assert.Fail("It does not hold that " + guarantee + ".");
    }
}
