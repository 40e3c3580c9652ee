using CsCheck;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;
using ExactlyOnce.Serialization;

namespace ExactlyOnce.Tests.Engine.Log;

public class CompactionTests
{
    internal const long Horizon = 86_400_000;
    private static readonly ProducerIdentity s_one = new(1, 0);
    private static readonly ProducerIdentity s_two = new(2, 5);

    public static TheoryData<bool> Places => [true, false];

    [Theory]
    [MemberData(nameof(Places))]
    public void The_last_value_of_every_key_stays_at_its_offset(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Of(("a", "1"), ("b", "1"), ("a", "2")));
        log.Append(TestBatch.Of(("c", "1"), ("b", "2")));
        Close(log);

        Compact(log).Should().BeTrue();
        log.ReadAll().Select(r => (r.Offset, r.Key, r.Value)).Should().Equal((2, "a", "2"), (3, "c", "1"), (4, "b", "2"), (5, "end", "end"));
        var first = log.ReadHeaders()[0];
        (first.BaseOffset, first.LastOffsetDelta, first.RecordCount).Should().Be((0, 2, 1), "offsets and deltas stay, the count follows the records");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void An_aborted_newer_value_does_not_hide_the_committed_older_one(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Of(("k", "committed")));
        log.Append(TestBatch.Transactional(s_one, 0, ("k", "aborted")));
        log.AppendMarker(s_one, isCommit: false);
        Close(log);

        Compact(log);
        log.ReadAll().Where(r => r.Key == "k").Select(r => r.Value).Should().Equal("committed");
        log.ReadCommitted().Where(r => r.Key == "k").Select(r => r.Value).Should().Equal("committed");
        log.View.Segments.ToArray().Where(s => s.Description.HasHoles).Sum(s => s.Aborted.Length).Should().Be(0, "an entry stays only as long as its data");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void The_data_of_an_open_transaction_is_not_touched_and_does_not_hide_anything(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Of(("k", "old"), ("x", "1")));
        log.Append(TestBatch.Of(("x", "2")));
        Close(log);
        log.Append(TestBatch.Transactional(s_one, 0, ("k", "undecided")));
        Close(log);

        Compact(log);
        log.AppendMarker(s_one, isCommit: false);
        log.ReadCommitted().Where(r => r.Key == "k").Select(r => r.Value).Should().Equal("old");
        Close(log);
        Compact(log);
        log.ReadCommitted().Where(r => r.Key == "k").Select(r => r.Value).Should().Equal("old");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void A_marker_goes_only_when_its_data_is_gone_and_its_horizon_has_passed(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Transactional(s_one, 0, ("k", "aborted")));
        var marker = log.AppendMarker(s_one, isCommit: false);
        log.Append(TestBatch.Of(("end", "behind it")));
        Close(log);

        Compact(log);
        MarkerAt(log, marker)!.Value.HasDeleteHorizon.Should().BeFalse("this pass still met the data");
        var stampedAt = log.NowMs;
        Compact(log);
        var stamped = MarkerAt(log, marker)!.Value;
        (stamped.HasDeleteHorizon, stamped.BaseTimestamp).Should().Be((true, stampedAt + Horizon));

        log.NowMs = stampedAt + Horizon - 1;
        Compact(log).Should().BeFalse("nothing may go yet");
        MarkerAt(log, marker).Should().Be(stamped, "the horizon does not slide");
        log.NowMs = stampedAt + Horizon;
        Compact(log);
        MarkerAt(log, marker).Should().BeNull();
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void A_commit_marker_stays_as_long_as_a_record_of_its_transaction_does(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Transactional(s_one, 0, ("k", "v")));
        var marker = log.AppendMarker(s_one, isCommit: true);
        Close(log);
        for (var i = 0; i < 4; i++)
        {
            Compact(log);
            log.NowMs += Horizon + 1;
        }

        var kept = MarkerAt(log, marker)!.Value;
        kept.HasDeleteHorizon.Should().BeFalse();
        log.ReadCommitted().Should().Contain(r => r.Key == "k");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void A_tombstone_hides_its_key_at_once_and_goes_after_its_horizon(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Of(("k", "v"), ("other", "v")));
        log.Append(TestBatch.Of(("k", null)));
        Close(log);

        Compact(log);
        log.ReadAll().Select(r => (r.Key, r.Value)).Should().Equal(("other", "v"), ("k", null), ("end", "end"));
        var tombstone = log.ReadAll().Single(r => r.Key == "k");
        tombstone.TimestampMs.Should().Be(TestBatch.Epoch2024, "re-basing keeps the record's own time");
        log.NowMs += Horizon - 1;
        Compact(log);
        log.ReadAll().Should().Contain(tombstone);
        log.NowMs += 1;
        Compact(log);
        log.ReadAll().Select(r => r.Key).Should().Equal("other", "end");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void A_live_producers_last_batch_stays_empty_and_keeps_its_sequence(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        var old = log.Append(TestBatch.Of(s_two, 40, false, TestBatch.Epoch2024, null, ("k", "1"), ("k", "2"), ("l", "1")));
        log.Append(TestBatch.Of(("k", "3"), ("l", "2")));
        Close(log);
        var producers = new Dictionary<long, ProducerTrace> { [s_two.Id] = new(old + 2, s_two.Epoch) };

        Compact(log, producers);
        Compact(log, producers);
        var empty = log.ReadHeaders()[0];
        (empty.BaseOffset, empty.RecordCount, empty.SizeInBytes).Should().Be((old, 0, BatchHeader.Size));
        (empty.Producer, empty.BaseSequence, empty.LastSequence).Should().Be((s_two, 40, 42));
        (empty.BaseTimestamp, empty.MaxTimestamp).Should().Be((-1, TestBatch.Epoch2024 + 2));

        Compact(log, new Dictionary<long, ProducerTrace> { [s_two.Id] = new(99, s_two.Epoch) });
        log.ReadHeaders()[0].BaseOffset.Should().Be(old + 3, "the producer has gone on");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void The_last_marker_of_a_producer_without_data_stays_for_its_epoch(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        var marker = log.AppendMarker(s_two, isCommit: false);
        log.Append(TestBatch.Of(("end", "behind it")));
        Close(log);
        var producers = new Dictionary<long, ProducerTrace> { [s_two.Id] = new(-1, s_two.Epoch) };
        for (var i = 0; i < 3; i++)
        {
            Compact(log, producers);
            log.NowMs += Horizon;
        }

        var kept = MarkerAt(log, marker)!.Value;
        (kept.RecordCount, kept.Producer).Should().Be((0, s_two));
        Compact(log).Should().BeTrue();
        MarkerAt(log, marker).Should().BeNull("nobody needs the empty one any more");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void The_last_batch_of_the_range_stays_so_that_the_log_end_does_not_step_back(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Of(("k", "v")));
        log.Append(TestBatch.Transactional(s_one, 0, ("k", "aborted")));
        log.AppendMarker(s_one, isCommit: false);
        if (isOnDisk)
        {
            log.Checkpoint();
            log.SealFiles();
        }
        log.Tail.CloseChunk();
        var end = log.Limit;
        for (var i = 0; i < 4; i++)
        {
            Compact(log);
            log.NowMs += Horizon;
        }

        log.ReadHeaders()[^1].NextOffset.Should().Be(end);
        using var cursor = new LogCursor(log, 1);
        while (cursor.TryRead(end, 1, out _) == LogRead.Batches)
            continue;
        cursor.NextOffset.Should().Be(end);
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void Fetches_into_a_hole_get_what_comes_behind_it(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        for (var i = 0; i < 20; i++)
            log.Append(TestBatch.Of(("k", "old"), (i % 5 == 4 ? "keep" + i : "k", "v")));
        Close(log);
        Compact(log);
        var left = log.ReadAll();
        left.Should().HaveCountLessThan(10);

        for (var from = 0L; from <= log.Limit; from++)
        {
            using var cursor = new LogCursor(log, from);
            var read = cursor.TryRead(log.Limit, 1, out var batches);
            var expected = left.Where(r => r.Offset >= from).Select(r => (long?)r.Offset).FirstOrDefault();
            read.Should().Be(expected is null ? LogRead.EndOfLimit : LogRead.Batches);
            if (expected is not null)
                TestBatch.RecordsIn(batches).Select(r => r.Offset).Should().Contain(expected.Value);
        }
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void A_reader_that_stands_in_rewritten_data_is_not_given_what_was_aborted(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Of(("k", "committed")));
        log.Append(TestBatch.Transactional(s_one, 0, ("k", "aborted")));
        log.AppendMarker(s_one, isCommit: false);
        Close(log);
        using var cursor = new LogCursor(log, 0);
        cursor.TryRead(log.Limit, 1, out _).Should().Be(LogRead.Batches);

        Compact(log).Should().BeTrue();
        var from = cursor.NextOffset;
        cursor.TryRead(log.Limit, 1 << 20, out var batches).Should().Be(LogRead.Batches);
        var entries = new List<AbortedEntry>();
        cursor.View.CollectAborted(from, cursor.NextOffset, entries);
        entries.Should().BeEmpty("they went with their data");
        TestBatch.RecordsIn(batches).Select(r => r.Value).Should().NotContain("aborted");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void A_compaction_that_changes_nothing_says_how_far_it_got(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Of(("a", "1"), ("b", "1")));
        Close(log);
        var names = isOnDisk ? log.Segments[0].File.Disk.List(TestLog.Directory) : null;

        Compact(log).Should().BeFalse();
        log.CompactedTo.Should().Be(2);
        if (isOnDisk)
            log.Segments[0].File.Disk.List(TestLog.Directory).Should().Equal(names, "what was written for nothing is removed");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void Records_without_a_key_are_dropped(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Of((null, "v"), ("k", "v")));
        Close(log);
        Compact(log);
        log.ReadAll().Select(r => r.Key).Should().Equal("k", "end");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void A_key_with_the_bytes_of_a_marker_does_not_meet_the_markers(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        log.Append(TestBatch.Transactional(s_one, 0, ("\0\0\0\u0001", "v"), ("\0\0\0\0", "v")));
        var marker = log.AppendMarker(s_one, isCommit: true);
        log.Append(TestBatch.Transactional(s_two, 0, ("x", "aborted")));
        log.AppendMarker(s_two, isCommit: false);
        Close(log);
        for (var i = 0; i < 3; i++)
        {
            Compact(log);
            log.NowMs += Horizon;
        }

        MarkerAt(log, marker).Should().NotBeNull();
        log.ReadCommitted().Select(r => r.Key).Should().Equal("\0\0\0\u0001", "\0\0\0\0", "end");
    }

    [Theory]
    [MemberData(nameof(Places))]
    public void Compressed_batches_are_opened_and_compressed_again(bool isOnDisk)
    {
        using var log = New(isOnDisk);
        var records = Enumerable.Range(0, 50).Select(i => ((string?)("key" + (i % 10)), (string?)("value" + i))).ToArray();
        log.Append(TestBatch.Of(ProducerIdentity.None, -1, false, TestBatch.Epoch2024, new GzipCodec(), records));
        Close(log);
        Compact(log);

        log.ReadHeaders()[0].Compression.Should().Be(CompressionType.Gzip);
        log.ReadAll().Where(r => r.Key != "end").Select(r => r.Value).Should().Equal(Enumerable.Range(40, 10).Select(i => "value" + i));
    }

    [Fact]
    public void A_batch_that_nobody_can_open_stays_whole()
    {
        using var log = New(isOnDisk: true);
        var sealedBatch = TestBatch.Of(ProducerIdentity.None, -1, false, TestBatch.Epoch2024, new GzipCodec(), [.. Enumerable.Repeat(((string?)"k", (string?)"v"), 50)]);
        log.Append(sealedBatch);
        log.Append(TestBatch.Of(("k", "newer"), ("k", "newest")));
        Close(log);

        var compacted = Compaction.OfSegments(
            CompactionRange.OfSegments(log.View, log.Limit), Rules(log), new Dictionary<long, ProducerTrace>(), _ => null)!;
        var headers = TestBatch.HeadersIn(WholeFile.Read(compacted.Segments[0].File.Disk, compacted.Segments[0].File.LogPath));
        headers[0].RecordCount.Should().Be(50);
        headers[1].RecordCount.Should().Be(1);
    }

    [Fact]
    public void With_little_memory_compaction_still_gets_ahead_and_never_shows_aborted_data()
    {
        using var log = New(isOnDisk: true);
        for (var i = 0; i < 30; i++)
        {
            var isCommit = i % 3 != 0;
            log.Append(TestBatch.Transactional(s_one, 0, [.. Enumerable.Range(0, 7).Select(k => ((string?)$"k{k}", (string?)(isCommit ? $"{i}" : "aborted")))]));
            log.AppendMarker(s_one, isCommit);
        }
        Close(log);
        var expected = log.ReadCommitted().GroupBy(r => r.Key).Select(g => g.Last()).OrderBy(r => r.Offset).ToList();

        var dirty = 0L;
        for (var round = 0; dirty < log.Segments[^1].BaseOffset && round < 200; round++)
        {
            log.Compact(Rules(log) with { KeysMax = 3, FirstDirtyOffset = dirty });
            log.CompactedTo.Should().BeGreaterThan(dirty);
            dirty = log.CompactedTo;
            log.ReadCommitted().Should().NotContain(r => r.Value == "aborted");
            log.ReadCommitted().GroupBy(r => r.Key).Select(g => g.Last()).Should().BeEquivalentTo(expected);
        }
        dirty.Should().Be(log.Segments[^1].BaseOffset);
    }

    [Fact]
    public void A_long_key_is_told_from_another_that_begins_alike()
    {
        var keys = new KeyOffsets(4);
        var (one, two) = (new byte[40], new byte[40]);
        two[39] = 1;
        keys.TryPut(one, 1).Should().BeTrue();
        keys.TryPut(two, 2).Should().BeTrue();
        keys.TryPut([], 3).Should().BeTrue();
        keys.TryPut([0], 4).Should().BeTrue("an empty key is not a zero byte");
        keys.TryPut([1], 5).Should().BeFalse("there is no room");
        keys.TryPut(one, 6).Should().BeTrue("it is known");

        (keys.IsLast(one, 1), keys.IsLast(one, 6), keys.IsLast(two, 2), keys.IsLast([1], 0)).Should().Be((false, true, true, true));
    }

    [Fact]
    public void Small_segments_are_joined_and_the_old_files_go_when_the_new_ones_are_in_force()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk, new SegmentRules { SegmentBytes = 200 });
        for (var i = 0; i < 30; i++)
            log.Append(TestBatch.Of(("k" + (i % 5), "v")));
        Close(log);
        var before = log.Segments.Count;

        Compact(log).Should().BeTrue();
        log.Segments.Count.Should().BeLessThan(before);
        Path.GetFileName(log.Segments[0].File.LogPath).Should().Be("00000000000000000000.1.log", "the old file has the plain name until it is gone");
        log.Reopen().Orphans.Should().BeEmpty();
        Close(log);
        Compact(log);
        Path.GetFileName(log.Segments[0].File.LogPath).Should().Be("00000000000000000000.log");
    }

    [Fact]
    public void A_gap_larger_than_an_index_can_say_begins_a_new_segment()
    {
        var disk = new MemoryDisk();
        disk.CreateDirectory(TestLog.Directory);
        var tail = new LogTail(new ChunkPool(0), 0);
        long[] offsets = [0, 1, 1L + int.MaxValue, 2L + (2L * int.MaxValue)];
        foreach (var offset in offsets)
            tail.Append(TestBatch.Of(("k" + offset, "v")), offset, 0, BatchHeader.Read(TestBatch.Of(("k" + offset, "v"))), 0);
        using var slice = tail.Capture(0, tail.NextOffset);

        var segments = new SegmentAppender(disk, TestLog.Directory, beginNewFile: false).Append([], slice, [], new SegmentRules());
        segments.Select(s => s.BaseOffset).Should().Equal(0, 1L + int.MaxValue, 2L + (2L * int.MaxValue));
    }

    [Fact]
    public void A_compaction_whose_front_was_deleted_meanwhile_does_not_take_effect()
    {
        using var log = New(isOnDisk: true);
        log.Append(TestBatch.Of(("k", "1"), ("k", "2")));
        Close(log);
        var disk = log.Segments[0].File.Disk;
        var compacted = Compaction.OfSegments(CompactionRange.OfSegments(log.View, log.Limit), Rules(log), new Dictionary<long, ProducerTrace>(), TestBatch.Codecs)!;
        log.MoveLogStart(log.Segments[0].NextOffset);

        compacted.ApplyTo(log.Segments).Should().BeNull();
        compacted.Discard();
        disk.FileExists(compacted.Segments[0].File.LogPath).Should().BeFalse();
    }

    [Fact]
    public void A_compaction_that_fails_leaves_no_files_and_the_log_as_it_was()
    {
        for (var failAt = 1; ; failAt++)
        {
            var disk = new FailingDisk(new MemoryDisk());
            using var log = new TestLog(disk, new SegmentRules { SegmentBytes = 300 });
            for (var i = 0; i < 20; i++)
                log.Append(TestBatch.Of(("k" + (i % 7), "v" + i)));
            Close(log);
            var (records, names) = (log.ReadAll(), disk.List(TestLog.Directory));
            disk.FailAt = disk.Operations + failAt;
            try
            {
                Compact(log);
                failAt.Should().BeGreaterThan(4);
                return;
            }
            catch (StorageException)
            {
                log.ReadAll().Should().Equal(records);
                disk.List(TestLog.Directory).Should().Equal(names);
            }
        }
    }

    [Fact]
    public void Young_segments_are_left_alone()
    {
        using var log = New(isOnDisk: true);
        log.Append(TestBatch.At(1000, ("k", "v")));
        Close(log);
        log.Append(TestBatch.At(2000, ("k", "v")));
        Close(log);

        CompactionRange.OfSegments(log.View, log.Limit, youngestMs: 999).IsEmpty.Should().BeTrue();
        CompactionRange.OfSegments(log.View, bound: 0).IsEmpty.Should().BeTrue();
        CompactionRange.OfSegments(log.View, log.Limit).Segments.Should().HaveCount(log.Segments.Count - 1, "the open one is never compacted");
    }

    /// <summary>
    /// Compaction against a dictionary: whatever was appended, committed and aborted, and however often it is compacted, the last committed value of every key
    /// is what a dictionary holds, no aborted value appears, offsets do not move, and everything is the same after reopening.
    /// </summary>
    [Theory]
    [MemberData(nameof(Places))]
    public void A_compacted_log_means_what_a_dictionary_holds(bool isOnDisk)
    {
        var step = Gen.Select(Gen.Int[0, 9], Gen.Int[1, 3], Gen.Int[0, 6], Gen.Int[0, 6]);
        step.List[1, 70].Sample(
            steps =>
            {
                using var log = New(isOnDisk);
                var model = new Dictionary<string, (string? Value, long Offset)>();
                var pending = new Dictionary<int, List<(string Key, string? Value, long Offset)>>();
                var dirty = 0L;
                foreach (var (verb, producer, one, two) in steps)
                    Do(log, model, pending, ref dirty, verb, producer, one, two);
                Check(log, model);
                if (!isOnDisk)
                    return;
                log.Checkpoint();
                log.Reopen();
                Check(log, model);
            },
            iter: 40);
    }

    private static void Do(
        TestLog log, Dictionary<string, (string?, long)> model, Dictionary<int, List<(string, string?, long)>> pending, ref long dirty, int verb, int number, int one, int two)
    {
        var producer = new ProducerIdentity(number, 0);
        (string Key, string? Value)[] records = [("k" + one, two == 0 ? null : $"{log.Limit}"), ("k" + two, $"{log.Limit}+")];
        switch (verb)
        {
            case <= 2:
                var plain = log.Append(TestBatch.Of([.. records.Select(r => ((string?)r.Key, r.Value))]));
                model[records[0].Key] = (records[0].Value, plain);
                model[records[1].Key] = (records[1].Value, plain + 1);
                break;
            case <= 4:
                var offset = log.Append(TestBatch.Transactional(producer, 0, [.. records.Select(r => ((string?)r.Key, r.Value))]));
                var own = pending.TryGetValue(number, out var found) ? found : pending[number] = [];
                own.AddRange([(records[0].Key, records[0].Value, offset), (records[1].Key, records[1].Value, offset + 1)]);
                break;
            case <= 6:
                log.AppendMarker(producer, isCommit: verb == 5);
                if (pending.Remove(number, out var ended) && verb == 5)
                {
                    foreach (var (key, value, at) in ended.Where(e => !model.TryGetValue(e.Item1, out var newer) || newer.Item2 < e.Item3))
                        model[key] = (value, at);
                }
                break;
            case 7:
                log.NowMs += Horizon / 2;
                break;
            case 8:
                Close(log);
                break;
            default:
                log.Compact(Rules(log) with { KeysMax = one + 2, FirstDirtyOffset = dirty });
                dirty = log.CompactedTo;
                break;
        }
        if (verb >= 7)
            Check(log, model);
    }

    /// <summary>Every key reads as the dictionary has it, below the last stable offset; a tombstone, seen or gone, is no value.</summary>
    private static void Check(TestLog log, Dictionary<string, (string? Value, long Offset)> model)
    {
        var read = new Dictionary<string, (string? Value, long Offset)>();
        foreach (var record in log.ReadCommitted().Where(r => r.Key != "end"))
            read[record.Key!] = (record.Value, record.Offset);
        foreach (var (key, expected) in model.Where(m => m.Value.Offset < log.LastStable))
        {
            var isThere = read.TryGetValue(key, out var found);
            if (expected.Value is null ? isThere && found.Value is not null : !isThere || found != expected)
                Assert.Fail($"{key} is {expected} in the model and {(isThere ? found : null)} in the log.");
        }
        read.Where(r => r.Value.Value is not null).Should().NotContain(r => !model.ContainsKey(r.Key));
    }

    internal static TestLog New(bool isOnDisk) => new(isOnDisk ? new MemoryDisk() : null, new SegmentRules { SegmentBytes = 100_000, IndexIntervalBytes = 100 });

    /// <summary>Makes everything so far ready for compaction and appends something behind it.</summary>
    internal static void Close(TestLog log)
    {
        if (log.Limit == 0)
            return;
        if (log.IsOnDisk)
        {
            log.Checkpoint();
            log.SealFiles();
            log.Append(TestBatch.Of(("end", "end")));
            log.Checkpoint();
            return;
        }
        log.Tail.CloseChunk();
        log.Append(TestBatch.Of(("end", "end")));
    }

    internal static bool Compact(TestLog log, Dictionary<long, ProducerTrace>? producers = null) => log.Compact(Rules(log), producers);

    internal static CompactionRules Rules(TestLog log) => new() { NowMs = log.NowMs, DeleteRetentionMs = Horizon, Segments = log.Rules };

    internal static BatchHeader? MarkerAt(TestLog log, long offset)
    {
        foreach (var header in log.ReadHeaders())
        {
            if (header.BaseOffset == offset)
                return header;
        }
        return null;
    }
}
