using CsCheck;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;

namespace ExactlyOnce.Tests.Engine.Log;

public class AbortedTransactionsTests
{
    private static readonly ProducerIdentity s_one = new(1, 0);
    private static readonly ProducerIdentity s_two = new(2, 0);

    /// <summary>The worked example of the specification (A27), in the tail, in one file, and with a segment for each batch.</summary>
    [Theory]
    [InlineData("memory")]
    [InlineData("tail")]
    [InlineData("file")]
    [InlineData("files")]
    public void The_worked_example_answers_as_the_specification_says(string where)
    {
        using var log = new TestLog(where == "memory" ? null : new MemoryDisk(), new SegmentRules { SegmentBytes = where == "files" ? 1 : 1 << 20 });
        log.Append(TestBatch.Transactional(s_one, 0, ("a", "0")));
        log.Append(TestBatch.Transactional(s_two, 0, ("b", "1")));
        log.Append(TestBatch.Of(("c", "2")));
        log.AppendMarker(s_one, isCommit: false).Should().Be(3);
        log.Append(TestBatch.Transactional(s_two, 1, ("d", "4")));
        log.AppendMarker(s_two, isCommit: true).Should().Be(5);
        log.Append(TestBatch.Transactional(s_one, 1, ("e", "6")));
        log.AppendMarker(s_one, isCommit: false).Should().Be(7);
        if (where is "file" or "files")
            log.Checkpoint();

        var first = new AbortedEntry(1, 0, 3, 1);
        var second = new AbortedEntry(1, 6, 7, 8);
        Lookup(log, 0, 8).Should().Equal(first, second);
        Lookup(log, 4, 6).Should().BeEmpty();
        Lookup(log, 2, 4).Should().Equal(first);
        log.ReadCommitted().Select(r => r.Offset).Should().Equal(1, 2, 4);
    }

    /// <summary>
    /// Aborted look-ups over segment boundaries, with transactions that are open across them: every committed reader is given exactly the committed records,
    /// from every offset, wherever the checkpoints, rolls and the log start fall.
    /// </summary>
    [Fact]
    public void Committed_readers_see_exactly_the_committed_records_wherever_segments_end()
    {
        var step = Gen.Select(Gen.Int[1, 4], Gen.Int[0, 5], Gen.Int[0, 30]);
        Gen.Select(step.List[1, 80], Gen.Int[1, 600], Gen.Bool).Sample(
            (steps, segmentBytes, isOnDisk) =>
            {
                using var log = new TestLog(isOnDisk ? new MemoryDisk() : null, new SegmentRules { SegmentBytes = segmentBytes });
                var committed = Run(log, steps, isOnDisk);
                committed.RemoveAll(offset => offset >= log.LastStable);
                for (var from = 0L; from < log.Limit; from++)
                {
                    log.ReadCommitted(from, maxBytes: 150).Where(r => r.Offset >= from).Select(r => r.Offset)
                        .Should().Equal(committed.Where(offset => offset >= from));
                }
                if (!isOnDisk || log.Limit == 0)
                    return;
                log.Checkpoint();
                log.Reopen();
                log.ReadCommitted().Select(r => r.Offset).Should().Equal(committed);
            },
            iter: 80);
    }

    [Fact]
    public void A_lost_transaction_index_is_rebuilt_with_transactions_that_began_segments_before()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk, new SegmentRules { SegmentBytes = 300 });
        var steps = Enumerable.Range(0, 60).Select(i => (1 + (i * 7 % 3), i * 5 % 6, i * 11 % 31)).ToList();
        Run(log, steps, isOnDisk: true);
        foreach (var producer in new[] { 1, 2, 3 })
            log.AppendMarker(new ProducerIdentity(producer, 0), isCommit: false);
        log.Checkpoint();
        var before = log.Segments.Select(s => s.Aborted.ToArray()).ToList();
        before.SelectMany(e => e).Should().HaveCountGreaterThan(3);
        before.SelectMany((entries, i) => entries.Select(e => e.FirstOffset < log.Segments[i].BaseOffset)).Should().Contain(true);
        foreach (var path in log.Segments.Select(s => s.File.PathOf(".txnindex")).Where(disk.FileExists))
            disk.Delete(path);

        log.Reopen();
        log.Segments.Select(s => s.Aborted.ToArray()).Should().BeEquivalentTo(before, options => options.WithStrictOrdering());
    }

    [Fact]
    public void A_reader_with_an_older_view_still_finds_the_entries_below_its_limit()
    {
        var list = new AbortedList();
        list.Add(new AbortedEntry(1, 0, 3, 4));
        var later = list.From(4);
        list.Add(new AbortedEntry(1, 5, 6, 7));

        list.Entries.Length.Should().Be(2);
        later.Entries.Length.Should().Be(0);
        list.From(4).Entries.ToArray().Should().Equal(new AbortedEntry(1, 5, 6, 7));
    }

    private static List<AbortedEntry> Lookup(TestLog log, long from, long to)
    {
        var found = new List<AbortedEntry>();
        log.View.CollectAborted(from, to, found);
        return found;
    }

    /// <summary>Appends by the steps and answers the offsets of what is, or will be, committed; open transactions count by their end.</summary>
    private static List<long> Run(TestLog log, List<(int Producer, int Verb, int Size)> steps, bool isOnDisk)
    {
        var committed = new List<long>();
        var open = new Dictionary<int, List<long>>();
        foreach (var (number, verb, size) in steps)
        {
            var producer = new ProducerIdentity(number, 0);
            switch (verb)
            {
                case 0 or 1:
                    var offset = log.Append(TestBatch.Transactional(producer, 0, ("k", new string('v', size)), ("k", null)));
                    (open.TryGetValue(number, out var own) ? own : open[number] = []).AddRange([offset, offset + 1]);
                    break;
                case 2:
                    committed.Add(log.Append(TestBatch.Of(("k", new string('v', size)))));
                    break;
                case 3 or 4:
                    log.AppendMarker(producer, isCommit: verb == 3);
                    if (open.Remove(number, out var ended) && verb == 3)
                        committed.AddRange(ended);
                    break;
                case 5 when isOnDisk:
                    log.Checkpoint();
                    break;
            }
        }
        committed.Sort();
        return committed;
    }
}
