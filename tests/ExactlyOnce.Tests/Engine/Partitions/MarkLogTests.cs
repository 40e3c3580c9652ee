using CsCheck;
using ExactlyOnce.Engine.Partitions;

namespace ExactlyOnce.Tests.Engine.Partitions;

public sealed class MarkLogTests
{
    [Fact]
    public void Every_mark_from_the_last_visible_one_on_is_found() =>
        Gen.Select(Gen.Int[1, 40], Gen.Bool).Array[1, 300].Sample(steps =>
        {
            var marks = new List<Mark> { MarkAt(0) };
            var log = new MarkLog(marks[0]);
            var visible = 0L;
            foreach (var (distance, isShown) in steps)
            {
                marks.Add(MarkAt(marks[^1].Lsn + distance));
                log.Add(marks[^1], visible);
                if (isShown)
                    visible = marks[^(1 + distance % Math.Min(marks.Count, 3))].Lsn is var lsn && lsn > visible ? lsn : visible;
                for (var asked = visible; asked <= marks[^1].Lsn + 1; asked++)
                {
                    log.TryAt(asked, out var found).Should().BeTrue();
                    found.Should().Be(marks.Last(mark => mark.Lsn <= asked));
                }
            }
        });

    [Fact]
    public void The_first_mark_stands_for_a_partition_whose_creation_is_not_visible_yet()
    {
        var log = new MarkLog(MarkAt(100));
        for (var lsn = 101; lsn < 200; lsn++)
            log.Add(MarkAt(lsn), visible: 50);

        log.TryAt(50, out var found).Should().BeTrue();
        found.Should().Be(MarkAt(100));
    }

    [Fact]
    public void A_reader_beside_the_writer_finds_exactly_the_last_mark_at_or_below_what_was_visible()
    {
        var log = new MarkLog(MarkAt(0));
        var visible = 0L;
        var isDone = false;
        var writer = new Thread(() =>
        {
            // In bursts, so that the ring is short at times and has to grow at others; every third LSN, so that the number asked for lies between two marks.
            for (var lsn = 3L; lsn < 6_000_000; lsn += 3)
            {
                log.Add(MarkAt(lsn), Volatile.Read(ref visible));
                if (lsn % 100_000 > 3_000 || lsn % 90 == 0)
                    Volatile.Write(ref visible, lsn);
            }
            Volatile.Write(ref isDone, true);
        });
        writer.Start();
        var seen = 0L;
        while (!Volatile.Read(ref isDone))
        {
            var asked = Volatile.Read(ref visible);
            // The next mark is at least three further: whatever is added meanwhile, this one is the answer.
            if (!log.TryAt(asked + 1, out var found))
                continue;
            if (found != MarkAt(found.Lsn) || found.Lsn != asked || found.Lsn < seen)
                throw new InvalidOperationException($"{found} was found for {asked} after {seen}.");
            seen = found.Lsn;
        }
        writer.Join();
        log.TryAt(visible, out var last).Should().BeTrue();
        last.Should().Be(MarkAt(visible));
    }

    private static Mark MarkAt(long lsn) => new(lsn, lsn * 3, lsn * 7, lsn * 5);
}
