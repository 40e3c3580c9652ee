using System.IO.Pipelines;
using CsCheck;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Engine.Log;

public class LogCursorTests
{
    private static readonly SegmentRules s_smallSegments = new() { SegmentBytes = 3000, IndexIntervalBytes = 200 };

    private enum Verb
    {
        Append,
        Checkpoint,
        PartialCheckpoint,
        Trim,
        Reopen,
        Read,
    }

    /// <summary>
    /// The log against a list of batches: whatever was appended and not deleted is read back, whole, in order, below the limit, wherever it lies.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_log_reads_like_a_list(bool onDisk)
    {
        var verbs = onDisk
            ? Gen.Frequency((12, Gen.Const(Verb.Append)), (2, Gen.Const(Verb.Checkpoint)), (2, Gen.Const(Verb.PartialCheckpoint)),
                (1, Gen.Const(Verb.Trim)), (1, Gen.Const(Verb.Reopen)), (4, Gen.Const(Verb.Read)))
            : Gen.Frequency((12, Gen.Const(Verb.Append)), (1, Gen.Const(Verb.Trim)), (4, Gen.Const(Verb.Read)));
        Gen.Select(verbs, Gen.Int[1, 6], Gen.Int[0, 1500], Gen.Double.Unit, Gen.Double.Unit).List[1, 60].Sample(
            steps =>
            {
                using var log = new TestLog(onDisk ? new MemoryDisk() : null, s_smallSegments);
                var model = new List<(long Base, long Next, byte[] Batch)>();
                using var follower = new LogCursor(log, 0);
                foreach (var (verb, count, size, where, howFar) in steps)
                    Do(log, model, follower, verb, count, size, where, howFar);
                Check(log, model, log.View.LogStart, log.Limit, 1 << 20);
            },
            iter: 100);
    }

    public enum Background
    {
        ThreadPool,
        Never,
        AtOnce,
        OneLate,
    }

    /// <summary>
    /// Also when nobody reads ahead in time, when a stale order finds the next one, and when the reader stops, seeks and goes on in the middle.
    /// </summary>
    [Theory]
    [InlineData(Background.ThreadPool)]
    [InlineData(Background.Never)]
    [InlineData(Background.AtOnce)]
    [InlineData(Background.OneLate)]
    public void Files_that_are_read_ahead_read_the_same(Background background)
    {
        using var log = new TestLog(new MemoryDisk(), new SegmentRules { SegmentBytes = 2 << 20 });
        for (var i = 0; i < 500; i++)
            log.Append(TestBatch.Sized(1 + (i % 3), 3_000 + (i * 7919 % 9_000)));
        log.Checkpoint();
        var expected = ReadWhole(log, null, pauses: false);

        ReadWhole(log, new TestScheduler(background), pauses: false).Should().Equal(expected);
        ReadWhole(log, new TestScheduler(background), pauses: true).Should().Equal(expected);
    }

    private static List<long> ReadWhole(TestLog log, PipeScheduler? scheduler, bool pauses)
    {
        var offsets = new List<long>();
        using var cursor = new LogCursor(log, 0, scheduler);
        for (var read = 0; cursor.TryRead(log.Limit, 20_000, out var batches) == LogRead.Batches; read++)
        {
            foreach (var header in TestBatch.HeadersIn(batches.Span))
            {
                BatchHeader.HasValidCrc(batches.Span[..header.SizeInBytes]).Should().BeTrue();
                offsets.Add(header.BaseOffset);
                batches = batches[header.SizeInBytes..];
            }
            if (pauses && read % 5 == 0)
                cursor.ReleaseHeld();
            else if (pauses && read % 7 == 0)
                cursor.Seek(cursor.NextOffset);
        }
        return offsets;
    }

    private sealed class TestScheduler(Background background) : PipeScheduler
    {
        private Action? _late;

        public override void Schedule(Action<object?> action, object? state)
        {
            switch (background)
            {
                case Background.ThreadPool:
                    PipeScheduler.ThreadPool.Schedule(action, state);
                    break;
                case Background.AtOnce:
                    action(state);
                    break;
                case Background.OneLate:
                    _late?.Invoke();
                    _late = () => action(state);
                    break;
            }
        }
    }

    [Fact]
    public void A_fetch_from_the_middle_of_a_batch_returns_it_whole()
    {
        foreach (var disk in new IDisk?[] { null, new MemoryDisk() })
        {
            using var log = new TestLog(disk);
            log.Append(TestBatch.Sized(5, 10));
            log.Append(TestBatch.Sized(5, 10));
            if (disk is not null)
                log.Checkpoint();

            using var cursor = new LogCursor(log, 7);
            cursor.TryRead(log.Limit, 1, out var batches).Should().Be(LogRead.Batches);
            TestBatch.HeadersIn(batches.Span).Should().ContainSingle().Which.BaseOffset.Should().Be(5);
            cursor.NextOffset.Should().Be(10);
        }
    }

    [Fact]
    public void A_fetch_from_a_marker_returns_the_marker()
    {
        var producer = new ProducerIdentity(7, 0);
        using var log = new TestLog(new MemoryDisk());
        log.Append(TestBatch.Transactional(producer, 0, ("k", "v")));
        var marker = log.AppendMarker(producer, isCommit: false);
        log.Append(TestBatch.Of(("k", "w")));
        log.Checkpoint();

        using var cursor = new LogCursor(log, marker);
        cursor.TryRead(log.Limit, 1, out var batches).Should().Be(LogRead.Batches);
        TestBatch.HeadersIn(batches.Span).Should().ContainSingle().Which.IsControl.Should().BeTrue();
    }

    [Fact]
    public void A_batch_that_ends_above_the_limit_is_not_returned()
    {
        using var log = new TestLog(null);
        log.Append(TestBatch.Sized(5, 10));
        using var cursor = new LogCursor(log, 0);

        cursor.TryRead(4, 100, out _).Should().Be(LogRead.EndOfLimit);
        cursor.TryRead(5, 100, out _).Should().Be(LogRead.Batches);
        cursor.TryRead(5, 100, out _).Should().Be(LogRead.EndOfLimit);
    }

    [Fact]
    public void The_first_batch_is_returned_however_large_it_is()
    {
        using var log = new TestLog(new MemoryDisk());
        var large = TestBatch.Sized(1, 3 << 20);
        log.Append(TestBatch.Sized(1, 10));
        log.Append(large);
        log.Checkpoint();

        using var cursor = new LogCursor(log, 1);
        cursor.TryRead(log.Limit, 1000, out var batches).Should().Be(LogRead.Batches);
        batches.Length.Should().Be(large.Length);
    }

    [Fact]
    public void A_position_below_the_log_start_is_out_of_range()
    {
        using var log = new TestLog(new MemoryDisk());
        for (var i = 0; i < 4; i++)
            log.Append(TestBatch.Sized(2, 3000));
        using var cursor = new LogCursor(log, 1);
        cursor.TryRead(log.Limit, 1, out _).Should().Be(LogRead.Batches);
        log.MoveLogStart(4);

        cursor.TryRead(log.Limit, 1, out _).Should().Be(LogRead.BelowLogStart);
        cursor.Seek(4);
        cursor.TryRead(log.Limit, 1, out _).Should().Be(LogRead.Batches);
    }

    [Fact]
    public void What_was_returned_stays_valid_while_its_chunk_goes_to_a_file()
    {
        using var log = new TestLog(new MemoryDisk());
        for (var i = 0; i < 10; i++)
            log.Append(TestBatch.Sized(1, 1000));
        using var cursor = new LogCursor(log, 0);
        cursor.TryRead(log.Limit, 1, out var held).Should().Be(LogRead.Batches);
        var before = held.ToArray();

        log.Checkpoint();
        for (var i = 0; i < 10; i++)
            log.Append(TestBatch.Sized(1, 1010));

        held.ToArray().Should().Equal(before);
        var next = cursor.NextOffset;
        cursor.TryRead(log.Limit, 1 << 20, out var rest).Should().Be(LogRead.Batches);
        TestBatch.HeadersIn(rest.Span)[0].BaseOffset.Should().Be(next);
    }

    [Fact]
    public void A_sleeping_cursor_holds_nothing_and_goes_on_where_it_stopped()
    {
        using var log = new TestLog(null);
        log.Append(TestBatch.Sized(1, 100));
        log.Append(TestBatch.Sized(1, 100));
        using var cursor = new LogCursor(log, 0);
        cursor.TryRead(log.Limit, 1, out _).Should().Be(LogRead.Batches);
        cursor.ReleaseHeld();
        cursor.TryRead(log.Limit, 1, out var second).Should().Be(LogRead.Batches);
        TestBatch.HeadersIn(second.Span)[0].BaseOffset.Should().Be(1);

        cursor.ReleaseHeld();
        log.MoveLogStart(2);
        log.Pool.RentedBytes.Should().Be(0);
    }

    [Fact]
    public void Reading_one_view_says_so_when_its_bytes_are_gone()
    {
        using var log = new TestLog(null);
        log.Append(TestBatch.Sized(1, 100));
        using var cursor = new LogCursor(log.View, 0);
        log.MoveLogStart(1);

        cursor.TryRead(1, 100, out _).Should().Be(LogRead.Gone);
    }

    [Fact]
    public void A_flipped_bit_in_a_file_is_reported_with_file_and_position_and_the_cursor_stays()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk);
        var size = TestBatch.Sized(1, 100).Length;
        for (var i = 0; i < 3; i++)
            log.Append(TestBatch.Sized(1, 100));
        log.Checkpoint();
        var path = log.Segments[0].File.LogPath;
        for (var at = BatchHeader.LengthAt; at < size; at++)
        {
            if (at is >= BatchHeader.LeaderEpochAt and < BatchHeader.MagicAt)
                continue;
            Flip(disk, path, size + at);
            using var cursor = new LogCursor(log, 0);
            cursor.TryRead(log.Limit, 1 << 20, out var good).Should().Be(LogRead.Batches);
            good.Length.Should().Be(size, $"byte {at} of the second batch is wrong");
            for (var again = 0; again < 2; again++)
            {
                var damage = cursor.Invoking(c => c.TryRead(log.Limit, 1 << 20, out _)).Should().Throw<DamagedStorageException>().Which;
                (damage.FilePath, damage.Position).Should().Be((path, size));
            }
            Flip(disk, path, size + at);
        }
    }

    [Fact]
    public void A_flipped_base_offset_is_seen_although_the_checksum_does_not_cover_it()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk);
        var size = TestBatch.Sized(1, 100).Length;
        for (var i = 0; i < 3; i++)
            log.Append(TestBatch.Sized(1, 100));
        log.Checkpoint();
        Flip(disk, log.Segments[0].File.LogPath, size + 7);

        log.Invoking(l => l.ReadAll()).Should().Throw<DamagedStorageException>();
    }

    [Fact]
    public void Headers_are_gone_over_in_files_and_tail_alike()
    {
        using var log = new TestLog(new MemoryDisk(), s_smallSegments);
        for (var i = 0; i < 40; i++)
        {
            log.Append(TestBatch.Sized(1 + (i % 3), 150));
            if (i == 25)
                log.Checkpoint();
        }
        var expected = log.ReadHeaders().Select(h => h.BaseOffset).ToList();
        for (var from = 0; from <= log.Limit; from += 3)
        {
            using var headers = new HeaderCursor(log, from);
            var found = new List<long>();
            while (headers.TryNext(log.Limit, out var header) == LogRead.Batches)
                found.Add(header.BaseOffset);
            found.Should().Equal(expected.Where((_, i) => (i + 1 < expected.Count ? expected[i + 1] : log.Limit) > from));
            headers.NextOffset.Should().Be(log.Limit);
        }
    }

    internal static void Flip(IDisk disk, string path, long position)
    {
        using var file = disk.Open(path, FileOpening.ReadWrite);
        var one = new byte[1];
        file.Read(position, one);
        one[0] ^= 0x10;
        file.Write(position, one);
    }

    private static void Do(
        TestLog log, List<(long Base, long Next, byte[] Batch)> model, LogCursor follower, Verb verb, int count, int size, double where, double howFar)
    {
        switch (verb)
        {
            case Verb.Append:
                var batch = TestBatch.Sized(count, size);
                var baseOffset = log.Append(batch);
                BatchHeader.Place(batch, baseOffset, 0);
                model.Add((baseOffset, baseOffset + count, batch));
                break;
            case Verb.Checkpoint:
                log.Checkpoint();
                break;
            case Verb.PartialCheckpoint:
                log.Checkpoint(Between(model, where, log));
                break;
            case Verb.Trim:
                log.MoveLogStart(Between(model, where * 0.5, log));
                break;
            case Verb.Reopen:
                log.Checkpoint();
                follower.ReleaseHeld();
                log.Reopen().Orphans.Should().BeEmpty();
                break;
            case Verb.Read:
                Follow(log, model, follower);
                var from = log.View.LogStart + (long)(where * (log.Limit - log.View.LogStart));
                Check(log, model, from, Math.Max(from, Between(model, howFar, log)), 1 + (size * count));
                break;
        }
    }

    private static void Follow(TestLog log, List<(long Base, long Next, byte[] Batch)> model, LogCursor follower)
    {
        var from = follower.NextOffset;
        var read = follower.TryRead(log.Limit, 700, out var batches);
        if (read == LogRead.BelowLogStart)
        {
            from.Should().BeLessThan(log.View.LogStart);
            follower.Seek(log.View.LogStart);
            return;
        }
        var expected = model.Where(m => m.Next > from).ToList();
        read.Should().Be(expected.Count > 0 ? LogRead.Batches : LogRead.EndOfLimit);
        var taken = TestBatch.HeadersIn(batches.Span).Count;
        batches.ToArray().Should().Equal(expected.Take(taken).SelectMany(m => m.Batch));
    }

    private static void Check(TestLog log, List<(long Base, long Next, byte[] Batch)> model, long from, long limit, int maxBytes)
    {
        using var cursor = new LogCursor(log, from);
        var read = new List<byte>();
        while (cursor.TryRead(limit, maxBytes, out var batches) == LogRead.Batches)
        {
            (batches.Length <= maxBytes || TestBatch.HeadersIn(batches.Span).Count == 1).Should().BeTrue();
            read.AddRange(batches.Span);
        }
        read.Should().Equal(model.Where(m => m.Next > from && m.Next <= limit).SelectMany(m => m.Batch));
    }

    // An offset between batches, and at or above the log's start.
    private static long Between(List<(long Base, long Next, byte[] Batch)> model, double where, TestLog log) =>
        model.Count == 0 ? log.View.LogStart : Math.Max(log.View.LogStart, model[(int)(where * (model.Count - 1))].Next);
}
