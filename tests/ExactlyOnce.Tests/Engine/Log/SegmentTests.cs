using System.Buffers;
using System.Buffers.Binary;
using ExactlyOnce.Engine.Disk;
using ExactlyOnce.Engine.Log;
using ExactlyOnce.Kernel.Primitives;
using ExactlyOnce.Kernel.Records;

namespace ExactlyOnce.Tests.Engine.Log;

public class SegmentTests
{
    private static long LengthOf(MemoryDisk disk, string path)
    {
        using var file = disk.Open(path, FileOpening.Read);
        return file.Length;
    }

    private static readonly SegmentRules s_dense = new() { SegmentBytes = 2000, IndexIntervalBytes = 150 };

    [Fact]
    public void A_segment_rolls_in_front_of_the_batch_that_would_exceed_its_size()
    {
        var batch = TestBatch.Sized(1, 100);
        using var log = new TestLog(new MemoryDisk(), new SegmentRules { SegmentBytes = batch.Length * 3 });
        for (var i = 0; i < 7; i++)
            log.Append(batch);
        log.Checkpoint();

        log.Segments.Select(s => (s.BaseOffset, s.NextOffset, s.Description.IsSealed)).Should().Equal((0, 3, true), (3, 6, true), (6, 7, false));
        log.Segments.Select(s => Path.GetFileName(s.File.LogPath)).Should().Equal(
            "00000000000000000000.log", "00000000000000000003.log", "00000000000000000006.log");
    }

    [Fact]
    public void A_segment_rolls_by_its_age_at_the_broker()
    {
        using var log = new TestLog(new MemoryDisk(), new SegmentRules { SegmentAgeMs = 1000 });
        log.Append(TestBatch.At(5, ("k", "v")));
        log.Checkpoint();
        log.NowMs += 999;
        log.Append(TestBatch.At(long.MaxValue / 2, ("k", "dated into the future")));
        log.Checkpoint();
        log.Segments.Should().ContainSingle();

        log.NowMs += 1;
        log.Append(TestBatch.At(6, ("k", "v")));
        log.Checkpoint();
        log.Segments.Should().HaveCount(2);
    }

    [Fact]
    public void A_segment_rolls_when_an_index_is_full()
    {
        using var log = new TestLog(new MemoryDisk(), new SegmentRules { IndexIntervalBytes = 1, IndexBytesMax = 60 });
        for (var i = 0; i < 30; i++)
            log.Append(TestBatch.Sized(1, 10, TestBatch.Epoch2024 + i));
        log.Checkpoint();

        log.Segments.Should().HaveCountGreaterThan(3);
        log.Segments.Should().OnlyContain(s => s.Description.OffsetIndexLength <= 60 && s.Description.TimeIndexLength <= 60);
    }

    [Fact]
    public void Index_entries_have_Kafkas_layout()
    {
        var disk = new MemoryDisk();
        var size = TestBatch.Sized(2, 100).Length;
        using var log = new TestLog(disk, new SegmentRules { IndexIntervalBytes = size });
        for (var i = 0; i < 5; i++)
            log.Append(TestBatch.Sized(2, 100, 1000 + (10 * i)));
        log.Checkpoint();
        log.SealFiles();

        var file = log.Segments[0].File;
        Hex(disk, file.PathOf(".index")).Should().Be(Bytes((5, 4), (2 * size, 4), (9, 4), (4 * size, 4)), "last offsets and positions of every second batch");
        Hex(disk, file.PathOf(".timeindex")).Should().Be(Bytes((1021, 8), (5, 4), (1041, 8), (9, 4)), "the largest timestamp and the last offset of its batch");
        disk.FileExists(file.PathOf(".txnindex")).Should().BeFalse("it is created with its first entry");
    }

    [Fact]
    public void Every_offset_is_found_at_its_batch_with_a_good_index_a_damaged_one_and_none()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk, s_dense with { SegmentBytes = 6000 });
        for (var i = 0; i < 60; i++)
            log.Append(TestBatch.Sized(1 + (i % 4), 20 + (i * 7 % 90)));
        log.Checkpoint();
        AssertAllFound(log);

        foreach (var segment in log.Segments)
        {
            for (var at = 0; at < segment.Description.OffsetIndexLength; at++)
            {
                LogCursorTests.Flip(disk, segment.File.PathOf(".index"), at);
                AssertAllFound(log);
                LogCursorTests.Flip(disk, segment.File.PathOf(".index"), at);
            }
            disk.Delete(segment.File.PathOf(".index"));
        }
        AssertAllFound(log);
    }

    [Fact]
    public void Opening_does_not_read_log_files_when_indexes_are_whole()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk, s_dense);
        Fill(log);
        // Damage that only a scan would meet.
        LogCursorTests.Flip(disk, log.Segments[0].File.LogPath, BatchHeader.MagicAt);

        var opened = log.Reopen();
        opened.Rebuilt.Should().BeEmpty();
        opened.Orphans.Should().BeEmpty();
    }

    [Theory]
    [InlineData(".index")]
    [InlineData(".timeindex")]
    [InlineData(".txnindex")]
    public void An_index_that_is_missing_short_or_damaged_is_rebuilt_as_it_was(string suffix)
    {
        foreach (var damage in new[] { "missing", "short", "damaged" })
        {
            var disk = new MemoryDisk();
            using var log = new TestLog(disk, s_dense);
            Fill(log);
            var before = log.Segments.ToList();
            var number = before.FindIndex(s => disk.FileExists(s.File.PathOf(suffix)) && s != before[0]);
            var path = before[number].File.PathOf(suffix);
            var content = WholeFile.Read(disk, path);
            Damage(disk, path, damage);

            var opened = log.Reopen();
            opened.Rebuilt.Should().Contain(Path.GetFileName(path), $"{path} is {damage}");
            WholeFile.Read(disk, path).Should().Equal(content);
            opened.Segments[number].Description.Should().Be(before[number].Description);
            opened.Segments[number].Aborted.ToArray().Should().Equal(before[number].Aborted.ToArray());
        }
    }

    [Fact]
    public void A_log_file_shorter_than_the_checkpoint_vouches_for_refuses_to_open()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk, s_dense);
        Fill(log);
        var segment = log.Segments[1];
        using (var file = disk.Open(segment.File.LogPath, FileOpening.ReadWrite))
            file.SetLength(segment.LogLength - 1);

        var damage = log.Invoking(l => l.Reopen()).Should().Throw<DamagedStorageException>().Which;
        (damage.FilePath, damage.Position).Should().Be((segment.File.LogPath, segment.LogLength - 1));

        disk.Delete(segment.File.LogPath);
        log.Invoking(l => l.Reopen()).Should().Throw<DamagedStorageException>();
    }

    [Fact]
    public void What_stands_behind_the_valid_length_is_cut()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk, s_dense);
        Fill(log);
        var expected = log.ReadAll();
        foreach (var segment in log.Segments)
        {
            foreach (var path in SegmentName.Suffixes.Select(segment.File.PathOf))
            {
                // An index of which nothing is valid yet may have been begun too.
                using var file = disk.Open(path, disk.FileExists(path) ? FileOpening.ReadWrite : FileOpening.CreateNew);
                file.Write(file.Length, "garbage"u8);
            }
        }

        var opened = log.Reopen();
        opened.Rebuilt.Should().BeEmpty();
        log.ReadAll().Should().Equal(expected);
        foreach (var segment in opened.Segments)
            SegmentName.Suffixes.Sum(suffix => LengthOf(disk, segment.File.PathOf(suffix))).Should().Be(segment.Description.SizeInBytes);
    }

    [Fact]
    public void Unlisted_segment_files_are_reported_and_foreign_files_left_alone()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk, s_dense);
        Fill(log);
        string[] orphans = ["00000000000000000000.7.log", "00000000000000000042.snapshot.tmp", "00000000000000099999.index", "partition.metadata.tmp"];
        string[] foreign = ["00000000000000099999.snapshot", "notes.log", "notes.tmp", "leader-epoch-checkpoint", "0.log", "00000000000000000000.07.log"];
        foreach (var name in orphans.Concat(foreign))
            disk.Open(Path.Combine(TestLog.Directory, name), FileOpening.CreateNew).Dispose();

        log.Reopen().Orphans.Should().Equal(orphans);
    }

    [Fact]
    public void A_segment_list_survives_its_bytes()
    {
        using var log = new TestLog(new MemoryDisk(), s_dense);
        Fill(log);
        var buffer = new ArrayBufferWriter<byte>();
        SegmentList.Write(buffer, log.Segments);
        var length = buffer.WrittenCount;
        buffer.Write("more"u8);

        SegmentList.Read(buffer.WrittenSpan, out var bytesRead).Should().Equal(log.Segments.Select(s => s.Description));
        bytesRead.Should().Be(length);
        for (var cut = 0; cut < length; cut++)
            FluentActions.Invoking(() => SegmentList.Read(buffer.WrittenSpan[..cut], out _)).Should().Throw<InvalidDataException>();
    }

    /// <summary>
    /// Whatever operation of a checkpoint fails, the segments from before read as before, and the next checkpoint writes everything again, into files it
    /// trusts.
    /// </summary>
    [Fact]
    public void A_failed_checkpoint_changes_nothing_and_the_next_one_succeeds()
    {
        for (var failAt = 1; ; failAt++)
        {
            var disk = new FailingDisk(new MemoryDisk());
            using var log = new TestLog(disk, s_dense);
            Fill(log, batches: 12);
            var before = log.Segments.ToList();
            Fill(log, batches: 20, checkpoint: false);
            var expected = log.ReadAll();

            disk.FailAt = disk.Operations + failAt;
            var failed = Throws(() => log.Checkpoint());
            log.ReadAll().Should().Equal(expected);
            if (!failed)
            {
                failAt.Should().BeGreaterThan(15, "a checkpoint that rolls has more steps than that");
                return;
            }
            log.Segments.Should().Equal(before);
            var trusted = before.Select(s => (s.File.LogPath, Content: WholeFile.Read(disk, s.File.LogPath)[..(int)s.LogLength])).ToList();
            log.Checkpoint();

            log.ReadAll().Should().Equal(expected);
            foreach (var (path, content) in trusted)
                WholeFile.Read(disk, path).AsSpan(0, content.Length).ToArray().Should().Equal(content);
            log.Segments.Where(s => !before.Any(b => b.File == s.File)).Select(s => s.BaseOffset).Should().StartWith(before[^1].NextOffset,
                "a file whose write or sync failed is not appended to");
            log.Reopen();
            log.ReadAll().Should().Equal(expected);
        }
    }

    [Fact]
    public void After_an_unclean_end_the_tail_goes_to_a_new_file()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk);
        log.Append(TestBatch.Sized(1, 10));
        log.Checkpoint();
        log.Append(TestBatch.Sized(1, 10));
        using var slice = log.Tail.Capture(1, 2);

        var segments = new SegmentAppender(disk, TestLog.Directory, beginNewFile: true).Append(log.Segments, slice, [], log.Rules);
        segments.Select(s => (s.BaseOffset, s.Description.IsSealed)).Should().Equal((0, true), (1, false));
    }

    [Fact]
    public void Everything_written_is_synced_before_the_list_is_answered()
    {
        var disk = new FailingDisk(new MemoryDisk());
        using var log = new TestLog(disk, s_dense);
        Fill(log);

        var written = disk.Log.Where(o => o.StartsWith("write", StringComparison.Ordinal)).Select(o => o[6..]).ToHashSet();
        foreach (var name in written)
            disk.Log.FindLastIndex(o => o == $"sync {name}").Should().BeGreaterThan(disk.Log.FindLastIndex(o => o == $"write {name}"), name);
        disk.Log[^1].Should().Be("syncdir t-0");
        disk.Log.Should().ContainInOrder("mkdir t-0", "syncdir data");
    }

    [Fact]
    public void A_retired_segment_is_unlinked_when_its_last_reader_leaves()
    {
        var disk = new MemoryDisk();
        using var log = new TestLog(disk, s_dense);
        Fill(log);
        var first = log.Segments[0];
        var cursor = new LogCursor(log, 0);
        cursor.TryRead(log.Limit, 1, out _).Should().Be(LogRead.Batches);

        log.MoveLogStart(first.NextOffset);
        disk.FileExists(first.File.LogPath).Should().BeTrue();
        first.File.TryLease().Should().BeFalse();

        cursor.Dispose();
        SegmentName.Suffixes.Should().OnlyContain(suffix => !disk.FileExists(first.File.PathOf(suffix)));
    }

    [Theory]
    [InlineData(0, 0, "00000000000000000000.log")]
    [InlineData(42, 0, "00000000000000000042.log")]
    [InlineData(long.MaxValue, 3, "09223372036854775807.3.log")]
    public void Names_are_Kafkas_with_the_generation_in_between(long baseOffset, int generation, string expected)
    {
        var name = new SegmentName(baseOffset, generation);
        name.FileName(".log").Should().Be(expected);
        SegmentName.TryParse(expected, out var parsed, out var suffix).Should().BeTrue();
        (parsed, suffix).Should().Be((name, ".log"));
    }

    internal static void Fill(TestLog log, int batches = 40, bool checkpoint = true)
    {
        for (var i = 0; i < batches; i++)
        {
            var producer = new ProducerIdentity(i % 3, 0);
            log.Append(TestBatch.Of(producer, i, isTransactional: true, TestBatch.Epoch2024 + (i * 37 % 100), null, ("k" + i, new string('v', i % 60))));
            if (i % 4 == 3)
                log.AppendMarker(producer, isCommit: i % 8 == 3);
            if (checkpoint && i % 9 == 8)
                log.Checkpoint();
        }
        if (checkpoint)
            log.Checkpoint();
    }

    private static void AssertAllFound(TestLog log)
    {
        foreach (var segment in log.Segments)
        {
            segment.File.TryLease().Should().BeTrue();
            var position = 0L;
            foreach (var header in TestBatch.HeadersIn(WholeFile.Read(segment.File.Disk, segment.File.LogPath)))
            {
                for (var offset = header.BaseOffset; offset <= header.LastOffset; offset++)
                {
                    if (segment.FindPosition(offset) is var found && found != position)
                        Assert.Fail($"Offset {offset} stands at {position}, found at {found}.");
                }
                position += header.SizeInBytes;
            }
            segment.FindPosition(segment.NextOffset).Should().Be(segment.LogLength);
            segment.File.Release();
        }
    }

    private static void Damage(MemoryDisk disk, string path, string damage)
    {
        if (damage == "missing")
        {
            disk.Delete(path);
            return;
        }
        using var file = disk.Open(path, FileOpening.ReadWrite);
        if (damage == "short")
            file.SetLength(file.Length - 1);
        else
            file.Write(file.Length - 8, stackalloc byte[8]);
    }

    private static bool Throws(Action action)
    {
        try
        {
            action();
            return false;
        }
        catch (StorageException)
        {
            return true;
        }
    }

    private static string Hex(IDisk disk, string path) => Convert.ToHexString(WholeFile.Read(disk, path));

    private static string Bytes(params (long Value, int Size)[] fields)
    {
        var hex = "";
        Span<byte> bytes = stackalloc byte[8];
        foreach (var (value, size) in fields)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes, value);
            hex += Convert.ToHexString(bytes[(8 - size)..]);
        }
        return hex;
    }
}
